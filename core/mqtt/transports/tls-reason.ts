/** What people are told about a TLS handshake that failed, from OpenSSL's and Node's codes. BoringSSL has fewer. */
const REASONS: Record<string, string> = {
  ERR_SSL_HTTP_REQUEST: 'a browser spoke plain HTTP to a TLS port',
  ERR_SSL_WRONG_VERSION_NUMBER: 'the client did not speak TLS: it connected without encryption to a TLS port',
  ERR_SSL_UNSUPPORTED_PROTOCOL: 'the client offers only TLS versions older than 1.2',
  ERR_SSL_NO_SHARED_CIPHER: 'the client and this station share no cipher',
  ERR_SSL_PEER_DID_NOT_RETURN_A_CERTIFICATE: 'the client sent no certificate, and this listener requires one',
  ERR_SSL_TLSV1_ALERT_UNKNOWN_CA:
    "the client does not trust this station's certificate: give it the authority's",
  ERR_SSL_SSLV3_ALERT_CERTIFICATE_EXPIRED: "the client says that this station's certificate has expired",
  ERR_SSL_SSLV3_ALERT_BAD_CERTIFICATE:
    "the client does not accept this station's certificate; perhaps it was issued for other names",
  ERR_SSL_SSLV3_ALERT_CERTIFICATE_UNKNOWN: "the client does not accept this station's certificate",
  ERR_TLS_HANDSHAKE_TIMEOUT: 'the client did not finish the handshake in time',
  CERT_HAS_EXPIRED: 'the certificate of the client has expired',
  CERT_NOT_YET_VALID: 'the certificate of the client is not valid yet: check both clocks',
  DEPTH_ZERO_SELF_SIGNED_CERT:
    'the client signed its certificate itself, and no authority of this station did',
  SELF_SIGNED_CERT_IN_CHAIN: 'the certificate of the client comes from an authority that is not trusted here',
  UNABLE_TO_GET_ISSUER_CERT: 'the certificate of the client comes from an authority that is not trusted here',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    'the certificate of the client comes from an authority that is not trusted here',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    'the certificate of the client comes from an authority that is not trusted here',
  INVALID_PURPOSE: 'the certificate of the client was not made for clients',
  ECONNRESET: 'the client went away during the handshake',
};

/** `verifyCode` is why a client certificate was refused, where that is known. */
export function tlsReason(error: Error & { code?: string }, verifyCode?: string | null): string {
  return (
    REASONS[verifyCode ?? ''] ??
    (verifyCode == null ? undefined : `the certificate of the client cannot be verified (${verifyCode})`) ??
    REASONS[error.code ?? ''] ??
    `the handshake failed (${error.code ?? error.name})`
  );
}
