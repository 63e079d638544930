package transport

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"syscall"

	"accessrelay/internal/safenet"
)

// brokenOff says why there is no (whole) answer. The texts are this package's
// own: net/http's errors quote the URL, the peer's addresses, the name server's
// and what the destination said. ctx is the attempt's, not one derived from it.
func brokenOff(ctx context.Context, err error, seen *trace) *SendError {
	var blocked *safenet.BlockedError
	var netErr net.Error
	var alert tls.AlertError
	switch {
	case errors.As(err, &blocked):
		return &SendError{Reason: ReasonAddressBlocked, Class: Dead, NoAttempt: true, Err: blocked}
	case errors.Is(ctx.Err(), context.Canceled):
		return failed(ReasonConnection, "stopped before the answer came", context.Canceled)
	case ctx.Err() != nil, errors.As(err, &netErr) && netErr.Timeout():
		return timedOut()
	case errors.As(err, &alert), seen.handshakeFailed.Load() && !isCut(err):
		return failed(ReasonTLS, tlsText(err), nil)
	case seen.answerBegun.Load() && !isCut(err):
		return failed(ReasonBadResponse, "the answer is not HTTP, or its header is too large", nil)
	}
	return failed(ReasonConnection, connectionText(err), nil)
}

// ConnectionError says why a connection for something else than HTTP could not
// be made or was lost, in the words that [Post] has for it. ctx is the attempt's;
// handshake says that TLS was being agreed on.
func ConnectionError(ctx context.Context, err error, handshake bool) *SendError {
	var seen trace
	seen.handshakeFailed.Store(handshake)
	return brokenOff(ctx, err, &seen)
}

func failed(r Reason, text string, cause error) *SendError {
	return &SendError{Reason: r, Class: Retry, Err: &quiet{text, cause}}
}

func timedOut() *SendError {
	return failed(ReasonTimeout, "no answer in time", context.DeadlineExceeded)
}

// quiet is a text for people over an error for errors.Is.
type quiet struct {
	text string
	err  error
}

func (c *quiet) Error() string { return c.text }
func (c *quiet) Unwrap() error { return c.err }

// isCut reports whether err is a connection that ended, at whatever layer.
func isCut(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed) ||
		errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE) || errors.Is(err, syscall.ECONNABORTED)
}

func connectionText(err error) string {
	var dns *net.DNSError
	var proxy *safenet.ProxyError
	switch {
	case errors.As(err, &proxy):
		return proxy.Error()
	case errors.As(err, &dns) && dns.IsNotFound:
		return "the host name does not exist"
	case errors.As(err, &dns):
		return "the host name could not be looked up"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "connection refused"
	case errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH):
		return "no route to the host"
	case errors.Is(err, syscall.ECONNRESET):
		return "connection reset before the answer was complete"
	case isCut(err):
		return "connection closed before the answer was complete"
	}
	return "the connection could not be made or was lost"
}

func tlsText(err error) string {
	var unknown x509.UnknownAuthorityError
	var name x509.HostnameError
	var invalid x509.CertificateInvalidError
	switch {
	case errors.As(err, &unknown):
		return "the certificate is signed by an unknown authority"
	case errors.As(err, &name):
		return "the certificate is for another host name"
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return "the certificate has expired or is not valid yet"
	case errors.As(err, &invalid):
		return "the certificate is not valid for this use"
	}
	return "no TLS connection could be agreed on"
}
