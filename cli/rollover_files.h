/*
 * rollover_files.h: the files beside a key that is rolled over; see rollover_state.h.
 *
 * At every moment, whenever the machine stops, there is a whole key at FILE. Nothing
 * that a rollover did not make is overwritten or removed. The notes are locked
 * while they are open, so that one rollover of a key is under way at a time.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#ifndef DANCE_CLI_ROLLOVER_FILES_H
#define DANCE_CLI_ROLLOVER_FILES_H

#include "rollover_state.h"

#include <limits.h>
#include <openssl/evp.h>

struct rollover_paths {
    char key[PATH_MAX]; /* absolute, and no symbolic link */
    char new_key[PATH_MAX];
    char old_key[PATH_MAX];
    char notes[PATH_MAX];
};

/* Every function here: false with why, which names the file. */

bool rollover_paths_find(struct rollover_paths *paths, const char *key, char *why, size_t why_size);
bool rollover_look(const struct rollover_paths *paths, struct rollover_files *files, char *why,
                   size_t why_size);

/*
 * Open and lock the notes: *fd, and what they say if *there. Where there are none *fd is -1. Notes
 * that cannot be read are a fault.
 */
bool rollover_notes_open(const struct rollover_paths *paths, int *fd, struct rollover_notes *notes,
                         bool *there, char *why, size_t why_size);

/* Write the notes to the disk; they are made where *fd is -1. */
bool rollover_notes_save(const struct rollover_paths *paths, int *fd,
                         const struct rollover_notes *notes, char *why, size_t why_size);

/* FILE.new becomes FILE, and what was FILE is FILE.old. Goes on where it was cut short. */
bool rollover_switch(const struct rollover_paths *paths, char *why, size_t why_size);

/* FILE.old goes, then the notes. What is not there is gone already. */
bool rollover_tidy(const struct rollover_paths *paths, char *why, size_t why_size);

#endif
