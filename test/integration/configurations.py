# Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
"""What openssl.cnf files out there are like, each in a reduced form of its own: of distributions, of recipes, of modules.

A kind is its text, or files of which openssl.cnf is the one that counts, and what becomes of it: nothing (dance enable is
in force with it), or where and with which words it is refused.
"""
import collections

Kind = collections.namedtuple("Kind", "name files refused environment")
KINDS = []


def kind(name, text, refused=None, environment=None, **files):
    KINDS.append(Kind(name, {"openssl.cnf": text, **{k.replace("__", "."): v for k, v in files.items()}}, refused,
                      environment or {}))


SSL = """[ssl_sect]
system_default = system_default_sect
[system_default_sect]
"""
REQUESTS = """[ ca ]
default_ca = CA_default
[ CA_default ]
dir = ./demoCA
certs = $dir/certs
database = $dir/index.txt
private_key = $dir/private/cakey.pem
certificate = $dir/cacert.pem
policy = policy_match
[ policy_match ]
countryName = match
commonName = supplied
[ req ]
default_bits = 2048
distinguished_name = req_distinguished_name
string_mask = utf8only
[ req_distinguished_name ]
countryName = Country
countryName_default = AU
0.organizationName = Organization
[ v3_ca ]
subjectKeyIdentifier=hash
basicConstraints = critical,CA:true
[ tsa ]
default_tsa = tsa_config1
[ tsa_config1 ]
policies = tsa_policy2, tsa_policy3
"""
OIDS = "[ new_oids ]\ntsa_policy1 = 1.2.3.4.1\ntsa_policy2 = 1.2.3.4.5.6\n"
HEAD = "HOME = .\n"

# Distributions.
kind("empty", "")
kind("comments-only", "# nothing\n\n   # at all\n")
kind("debian-12", HEAD + "openssl_conf = openssl_init\nconfig_diagnostics = 1\noid_section = new_oids\n" + OIDS +
     REQUESTS + "[openssl_init]\nssl_conf = ssl_sect\n" + SSL + "CipherString = DEFAULT:@SECLEVEL=2\n")
kind("debian-13", HEAD + "openssl_conf = openssl_init\nconfig_diagnostics = 1\n" + REQUESTS +
     "[openssl_init]\nproviders = provider_sect\nssl_conf = ssl_sect\n[provider_sect]\ndefault = default_sect\n"
     "[default_sect]\n# activate = 1\n" + SSL + "CipherString = DEFAULT:@SECLEVEL=2\n")
kind("debian-11", HEAD + "oid_section = new_oids\nopenssl_conf = default_conf\n" + OIDS + REQUESTS +
     "[default_conf]\nssl_conf = ssl_sect\n" + SSL + "MinProtocol = TLSv1.2\nCipherString = DEFAULT@SECLEVEL=2\n")
kind("ubuntu-22.04", HEAD + "openssl_conf = openssl_init\n" + REQUESTS +
     "[openssl_init]\nproviders = provider_sect\nssl_conf = ssl_sect\n[provider_sect]\ndefault = default_sect\n"
     "[default_sect]\nactivate = 1\n" + SSL + "CipherString = DEFAULT:@SECLEVEL=2\n")
kind("upstream", HEAD + "openssl_conf = openssl_init\noid_section = new_oids\n" + OIDS +
     "[openssl_init]\nproviders = provider_sect\n[provider_sect]\ndefault = default_sect\n[default_sect]\n" + REQUESTS)
POLICY = "CipherString = @SECLEVEL=2:kEECDH:kRSA:-SHA384\nTLS.MinProtocol = TLSv1.2\nDTLS.MinProtocol = DTLSv1.2\n"
FEDORA = HEAD + "openssl_conf = openssl_init\n[openssl_init]\nproviders = provider_sect\nssl_conf = ssl_module\n" \
    "alg_section = evp_properties\n[evp_properties]\n%s[provider_sect]\n##default = default_sect\n" \
    "[default_sect]\n##activate = 1\n[ssl_module]\nsystem_default = crypto_policy\n[crypto_policy]\n.include = FOLDER/policy.config\n"
kind("fedora", FEDORA % "" + REQUESTS, policy__config=POLICY)
kind("rhel-9-sha1", FEDORA % "rh-allow-sha1-signatures = yes\n" + REQUESTS, policy__config=POLICY)
kind("rhel-9-fips", FEDORA % "" + ".include FOLDER/there_is_no_fips_local.cnf\n" + REQUESTS, policy__config=POLICY)
kind("fedora-alg-section-first", "openssl_conf = i\n[i]\nalg_section = e\nproviders = p\n[e]\nrh-allow-sha1-signatures = yes\n"
     "[p]\ndefault = d\n[d]\nactivate = 1\n")
kind("alpine", HEAD + REQUESTS)
kind("alpine-3", "openssl_conf = openssl_init\n" + REQUESTS + "[openssl_init]\nproviders = provider_sect\n[provider_sect]\n"
     "default = default_sect\n[default_sect]\nactivate=1\n")
kind("suse", HEAD + "openssl_conf = openssl_init\n[openssl_init]\nssl_conf = ssl_configuration\nengines = engine_section\n"
     "[ engine_section ]\n.include FOLDER/engines.d\n[ssl_configuration]\nsystem_default = tls_system_default\n"
     "[tls_system_default]\nCipherString = DEFAULT@SECLEVEL=2\n" + REQUESTS)

# FIPS.
FIPS = "openssl_conf = openssl_init\n.include FOLDER/fipsmodule.cnf\n[openssl_init]\nproviders = provider_sect\n"
MAC = "[fips_sect]\nactivate = 1\nconditional-errors = 1\nsecurity-checks = 1\nmodule-mac = 00:11:22\n"
kind("fips-and-default", FIPS + "[provider_sect]\nfips = fips_sect\nbase = base_sect\ndefault = default_sect\n[base_sect]\n"
     "activate = 1\n[default_sect]\nactivate = 1\n", fipsmodule__cnf=MAC)
kind("fips-not-installed", FIPS + "[provider_sect]\nfips = fips_sect\nbase = base_sect\n[base_sect]\nactivate = 1\n",
     refused="no algorithms", fipsmodule__cnf=MAC)
kind("fips-by-property", FIPS + "alg_section = algorithm_sect\n[provider_sect]\nfips = fips_sect\nbase = base_sect\n[base_sect]\n"
     "activate = 1\n[algorithm_sect]\ndefault_properties = fips=yes\n", refused="no algorithms", fipsmodule__cnf=MAC)
kind("fips-without-its-file", FIPS + "[provider_sect]\nfips = fips_sect\ndefault = default_sect\n[default_sect]\nactivate = 1\n")

# Tokens, algorithms.
kind("pkcs11-provider", "openssl_conf = openssl_init\n[openssl_init]\nproviders = provider_sect\n[provider_sect]\n"
     "default = default_sect\npkcs11 = pkcs11_sect\n[default_sect]\nactivate = 1\n[pkcs11_sect]\nmodule = /usr/lib/there-is-none.so\n"
     "pkcs11-module-path = /usr/lib/softhsm/libsofthsm2.so\npkcs11-module-token-pin = 1234\npkcs11-module-quirks = no-deinit\n"
     "activate = 1\n")
kind("pkcs11-engine", "openssl_conf = openssl_init\n[openssl_init]\nengines = engine_section\n[engine_section]\n"
     "pkcs11 = pkcs11_section\n[pkcs11_section]\nengine_id = pkcs11\ndynamic_path = /usr/lib/engines/there-is-none.so\n"
     "MODULE_PATH = opensc-pkcs11.so\ninit = 0\n")
kind("engine-before-providers", "openssl_conf = i\n[i]\nengines = e\nproviders = p\nssl_conf = ssl_sect\n[e]\npkcs11 = k\n[k]\n"
     "engine_id = pkcs11\ndynamic_path = /nonexistent/pkcs11.so\ninit = 1\n[p]\ndefault = d\n[d]\nactivate = 1\n" + SSL +
     "MinProtocol = TLSv1.2\n")
kind("tpm2", "openssl_conf = openssl_init\n[openssl_init]\nproviders = provider_sect\n[provider_sect]\ntpm2 = tpm2_sect\n"
     "default = default_sect\n[tpm2_sect]\nmodule = /usr/lib/there-is-no-tpm2.so\nactivate = 1\n[default_sect]\nactivate = 1\n")
kind("oqs", "openssl_conf = openssl_init\n[openssl_init]\nproviders = provider_sect\nssl_conf = ssl_sect\n[provider_sect]\n"
     "default = default_sect\noqsprovider = oqsprovider_sect\n[default_sect]\nactivate = 1\n[oqsprovider_sect]\nactivate = 1\n" +
     SSL + "Groups = X25519:P-256\n")
kind("gost-engine", "openssl_conf = openssl_def\n[openssl_def]\nengines = engine_section\n[engine_section]\ngost = gost_section\n"
     "[gost_section]\nengine_id = gost\ndynamic_path = /usr/lib/engines/there-is-no-gost.so\ndefault_algorithms = ALL\n"
     "CRYPT_PARAMS = id-Gost28147-89-CryptoPro-A-ParamSet\n")
kind("gost-provider", "openssl_conf = openssl_def\n[openssl_def]\nproviders = providers\n[providers]\ngostprov = gostprov\n"
     "default = default\n[gostprov]\nactivate = 1\n", refused="no algorithms")
kind("legacy-and-default", "openssl_conf = openssl_init\n[openssl_init]\nproviders = provider_sect\n[provider_sect]\n"
     "default = default_sect\nlegacy = legacy_sect\n[default_sect]\nactivate = 1\n[legacy_sect]\nactivate = 1\n")
kind("legacy-alone", "openssl_conf = openssl_init\n[openssl_init]\nproviders = provider_sect\n[provider_sect]\n"
     "default = default_sect\nlegacy = legacy_sect\n[default_sect]\n# activate = 1\n[legacy_sect]\nactivate = 1\n",
     refused="no algorithms")

# Recipes.
EASYRSA = "[ req ]\ndefault_bits = 2048\ndistinguished_name = cn_only\n[ cn_only ]\ncommonName = Common Name\n" \
    "commonName_default = $ENV::DANCE_TEST_REQ_CN\n[ CA_default ]\ndir = $ENV::DANCE_TEST_PKI\n"
kind("easyrsa", EASYRSA, refused="openssl.cnf:6: ")
kind("easyrsa-variables-set", EASYRSA, environment={"DANCE_TEST_REQ_CN": "x", "DANCE_TEST_PKI": "/etc/pki"})
NODE = "[nodejs_init]\nssl_conf = ssl_sect\n" + SSL + "CipherString = DEFAULT:@SECLEVEL=1\n"
kind("node", "nodejs_conf = nodejs_init\n" + NODE)
kind("node-and-others", "nodejs_conf = nodejs_init\nopenssl_conf = nodejs_init\n" + NODE)
kind("node-apart", "nodejs_conf = nodejs_init\nopenssl_conf = other_init\n[other_init]\n" + NODE)
kind("docker-seclevel-1", "openssl_conf = default_conf\n[default_conf]\nssl_conf = ssl_sect\n" + SSL +
     "MinProtocol = TLSv1\nCipherString = DEFAULT@SECLEVEL=1\n")
kind("docker-seclevel-0", "openssl_conf = default_conf\n[default_conf]\nssl_conf = ssl_sect\n" + SSL +
     "MinProtocol = None\nCipherString = DEFAULT@SECLEVEL=0\n")
kind("docker-renegotiation", "openssl_conf = openssl_init\n[openssl_init]\nssl_conf = ssl_sect\n" + SSL +
     "Options = UnsafeLegacyRenegotiation\n")
kind("docker-appended", REQUESTS + "openssl_conf = default_conf\n[default_conf]\nssl_conf = ssl_sect\n" + SSL +
     "CipherString = DEFAULT@SECLEVEL=1\n")
kind("docker-first-line", "openssl_conf = default_conf\n" + HEAD + REQUESTS + "[ default_conf ]\n\nssl_conf = ssl_sect\n\n"
     "[ssl_sect]\n\nsystem_default = system_default_sect\n\n[system_default_sect]\nMinProtocol = TLSv1.2\n"
     "CipherString = DEFAULT:@SECLEVEL=1\n")
kind("tls-1.3-only", "openssl_conf = i\n[i]\nssl_conf = ssl_sect\n" + SSL + "MinProtocol = TLSv1.3\n")
kind("unknown-command", "openssl_conf = i\n[i]\nssl_conf = ssl_sect\n" + SSL + "Frobnicate = yes\nMinProtocol = TLSv1.2\n")
kind("random", "openssl_conf = i\n[i]\nrandom = r\n[r]\nrandom = CTR-DRBG\ncipher = AES-256-CTR\n")
kind("strings", "openssl_conf = i\n[i]\nstbl_section = s\n[s]\ncommonName = min:1, max:64\n")
kind("diagnostics", "config_diagnostics = yes\nopenssl_conf = i\n[i]\nproviders = p\n[p]\ndefault = d\n[d]\nactivate = 1\n")

# How they are written.
kind("byte-order-mark", "\ufeff" + HEAD + "openssl_conf = i\n[i]\nproviders = p\n[p]\ndefault = d\n[d]\nactivate = 1\n",
     refused="openssl.cnf:1: it begins with a byte order mark")
kind("byte-order-mark-included", "a = b\n.include FOLDER/more.cnf\n", refused="more.cnf:1: ", more__cnf="\ufeffc = d\n[e]\nf = g\n")
kind("utf-16", "openssl_conf = i\n".encode("utf-16").decode("latin-1"), refused="openssl.cnf:1: ")
kind("crlf", (HEAD + "openssl_conf = i\n[i]\nproviders = p\n[p]\ndefault = d\n[d]\nactivate = 1\n").replace("\n", "\r\n"))
kind("no-end-of-line", "openssl_conf = i\n[i]\nssl_conf = ssl_sect\n" + SSL + "MinProtocol = TLSv1.2")
kind("continued-lines", "openssl_conf = \\\ni\n[i]\nssl_conf = ssl_sect\n" + SSL + "CipherString = \\\n  DEFAULT:\\\n@SECLEVEL=2\n")
kind("quotes-and-escapes", "openssl_conf = i\na = \"one # two\" # three\nb = x\\#y\nc = 'it is'\nd = back\\\\slash\ne = a\\$b\nf =\n"
     "g = \" blank \"\nh = $a and ${b}\ni = line\\nfeed\n[i]\noid_section = o\n[o]\nlong = the long name, 1.2.3.4.5\n")
kind("blanks", "  openssl_conf=i  \n[  i  ]\n   providers   =   p   \n[ p ]\n\tdefault\t=\td\n[ d ]\nactivate=1\n")
kind("dollar-in-names", ".pragma dollarid:on\nopenssl_conf = i\n[i]\nssl_conf = ssl_sect\n" + SSL + "MinProtocol = TLSv1.2\n")
kind("key-in-another-section", "openssl_conf = i\np::default = d\n[i]\nproviders = p\n[p]\n[d]\nactivate = 1\n")
kind("unreadable-line", "openssl_conf = i\n[i]\nproviders = p\nthis is no line\n", refused="openssl.cnf:4: ")
kind("section-not-closed", "openssl_conf = i\n[i\nproviders = p\n", refused="openssl.cnf:2: ")
kind("unknown-variable", "dir = $nowhere/certs\n", refused="openssl.cnf:1: ")
kind("unreadable-included", "a = b\nc = d\n.include FOLDER/more.cnf\n", refused="more.cnf:2: ", more__cnf="e = f\nand now?\n")
kind("unreadable-behind-included", "a = b\n.include FOLDER/more.cnf\nno line\n", refused="openssl.cnf:3: ", more__cnf="e = f\ng = h\n")
kind("included-missing", ".include FOLDER/nothing.cnf\nopenssl_conf = i\n[i]\nssl_conf = ssl_sect\n" + SSL + "MinProtocol = TLSv1.2\n")
kind("included-has-init", "openssl_conf = i\n.include FOLDER/more.cnf\n", more__cnf="[i]\nproviders = p\n[p]\ndefault = d\n[d]\nactivate = 1\n")

# What leads nowhere.
kind("no-init-section", "openssl_conf = there_is_none\n")
kind("no-provider-section", "openssl_conf = i\n[i]\nproviders = there_is_none\n")
kind("provider-without-section", "openssl_conf = i\n[i]\nproviders = p\n[p]\nlost = there_is_none\ndefault = d\n[d]\nactivate = 1\n")
kind("unknown-in-init", "openssl_conf = i\n[i]\nfrobnicate = x\nproviders = p\n[p]\ndefault = d\n[d]\nactivate = 1\n[x]\ny = z\n")
kind("ssl-conf-without-section", "openssl_conf = i\n[i]\nssl_conf = there_is_none\nproviders = p\n[p]\ndefault = d\n[d]\nactivate = 1\n")
kind("twice", "openssl_conf = a\nopenssl_conf = i\n[i]\nproviders = q\nproviders = p\n[p]\ndefault = d\n[d]\nactivate = 1\n")
kind("names-taken", "openssl_conf = dance_init\n[dance_init]\nproviders = dance_providers\n[dance_providers]\ndefault = dance_default\n"
     "[dance_default]\nactivate = 1\n")
kind("dance-already", "openssl_conf = i\n[i]\nproviders = p\n[p]\ndance = m\n[m]\nmodule = dance.so\nactivate = 1\n",
     refused="has dance already, in [m]")
