# Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
"""Keys and certificates made for a run, and the TLSA data of them."""
import datetime
import hashlib

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (Encoding, NoEncryption, PrivateFormat, PublicFormat)
from cryptography.x509.oid import ExtensionOID, NameOID


def new_key():
    return ec.generate_private_key(ec.SECP256R1())


def der(certificate):
    return certificate.public_bytes(Encoding.DER)


def pem(certificate):
    return certificate.public_bytes(Encoding.PEM)


def key_pem(key):
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def subject(*fields):
    return x509.Name([x509.NameAttribute(*field) for field in fields])


def cn(name):
    return subject((NameOID.COMMON_NAME, name))


def certificate(key, name=None, sans=(), issuer=None, issuer_key=None, ca=False, subject_name=None):
    """Self-signed unless issuer is given. name: the CN; sans: dNSNames, GeneralName objects, or the extension's octets."""
    own = subject_name if subject_name is not None else (cn(name) if name else x509.Name([]))
    now = datetime.datetime.now(datetime.timezone.utc)
    builder = (x509.CertificateBuilder().subject_name(own)
               .issuer_name(issuer.subject if issuer else own).public_key(key.public_key())
               .serial_number(x509.random_serial_number())
               .not_valid_before(now - datetime.timedelta(days=1))
               .not_valid_after(now + datetime.timedelta(days=30))
               .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True))
    if isinstance(sans, bytes):
        builder = builder.add_extension(x509.UnrecognizedExtension(ExtensionOID.SUBJECT_ALTERNATIVE_NAME, sans), critical=False)
    elif sans:
        builder = builder.add_extension(x509.SubjectAlternativeName(
            [x509.DNSName(s) if isinstance(s, str) else s for s in sans]), critical=False)
    return builder.sign(issuer_key or key, hashes.SHA256())


def spki(thing):
    key = thing.public_key()
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def tlsa(usage, selector, mtype, cert):
    """The RDATA text of a TLSA record for cert."""
    data = spki(cert) if selector else der(cert)
    if mtype:
        data = (hashlib.sha256 if mtype == 1 else hashlib.sha512)(data).digest()
    return f"TLSA {usage} {selector} {mtype} {data.hex()}"
