"""Who issued a certificate: by the issuer's key, never by names alone.

Old phones' certificates are signed with SHA-1 and by keys that strict libraries refuse, so the signature is checked
here; whether an old digest is good enough is for somebody else to judge.
"""

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.padding import PSS, PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from ctlctl_trust.certificate import Certificate, usable


def issued_by(certificate: Certificate, issuer: Certificate) -> bool:
    """Tell whether a certificate was signed with an issuer's key.

    Args:
        certificate: any certificate.
        issuer: who may have issued it.

    Returns:
        True where the issuer's name is the one that the certificate gives, and the signature verifies with the issuer's
        key. False too where that cannot be checked: also for a serial number that is not positive, which the library
        is about to refuse (RFC 5280 section 4.1.2.2). Validity is not looked at.
    """
    key = issuer.key
    if certificate.serial <= 0 or certificate.issuer != issuer.subject or key is None or not usable(key):
        return False
    try:
        read = x509.load_der_x509_certificate(certificate.der)
        how, algorithm = read.signature_algorithm_parameters, read.signature_hash_algorithm
        signed = read.tbs_certificate_bytes
        if isinstance(key, RSAPublicKey) and isinstance(how, PKCS1v15 | PSS) and algorithm is not None:
            key.verify(certificate.signature, signed, how, algorithm)
        elif isinstance(key, EllipticCurvePublicKey) and isinstance(how, ECDSA):
            key.verify(certificate.signature, signed, how)
        else:
            return False
    except (InvalidSignature, UnsupportedAlgorithm, ValueError, TypeError, x509.InvalidVersion):
        return False
    return True
