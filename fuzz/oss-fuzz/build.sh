#!/bin/bash -eu
# The fuzz targets for OSS-Fuzz, which sets SRC, OUT, WORK, CC, CFLAGS and LIB_FUZZING_ENGINE. Where there is no source of
# OpenSSL and libunbound in $SRC, those of the machine are taken: so it can be tried without the image.
# Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
prefix=$WORK/prefix
export PKG_CONFIG_PATH=$prefix/lib/pkgconfig:$prefix/lib64/pkgconfig
mkdir -p "$prefix" "$OUT/lib"
if [[ -d $SRC/openssl ]]; then
    (cd "$SRC/openssl" && ./config no-tests no-apps no-docs no-asm --prefix="$prefix" --libdir=lib && make -j "$(nproc)" && make install_sw)
fi
if [[ -d $SRC/unbound ]]; then
    (cd "$SRC/unbound" && ./configure --with-libunbound-only --with-ssl="$prefix" --prefix="$prefix" --disable-flto && make -j "$(nproc)" && make install)
fi
# Targets run in another image, which has none of these libraries: they go along.
cmake -S "$SRC/dance" -B "$WORK/dance" -DDANCE_FUZZ=ON -DDANCE_FUZZ_ENGINE="$LIB_FUZZING_ENGINE" -DCMAKE_BUILD_TYPE=Debug \
    -DCMAKE_PREFIX_PATH="$prefix" -DCMAKE_BUILD_RPATH='$ORIGIN/lib' -DCMAKE_BUILD_RPATH_USE_ORIGIN=ON
cmake --build "$WORK/dance" -j "$(nproc)" --target fuzz
for target in "$WORK"/dance/fuzz/fuzz_*; do
    name=${target##*/}
    cp "$target" "$OUT/"
    LD_LIBRARY_PATH=$prefix/lib:$prefix/lib64 ldd "$target" | awk '$2 == "=>" { print $3 }' \
        | grep -E '/lib(ssl|crypto|unbound|seccomp|psl|event|nghttp2|idn2|unistring|hiredis|protobuf-c|bsd|md)[.-]' | xargs -r -I{} cp -L {} "$OUT/lib/"
    [[ ! -d $SRC/dance/fuzz/corpus/$name ]] || zip -q -j -r "$OUT/${name}_seed_corpus.zip" "$SRC/dance/fuzz/corpus/$name"
    [[ ! -e $SRC/dance/fuzz/dict/$name.dict ]] || cp "$SRC/dance/fuzz/dict/$name.dict" "$OUT/"
done
