package openapitest

import (
	"bytes"
	"io"
	"net/http"
	"testing"
)

// Handler returns next with every exchange checked, for as long as tb runs. next
// sees the request as it came, piece by piece.
func (c *Checker) Handler(tb testing.TB, next http.Handler) http.Handler {
	tb.Helper()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		sent := &tee{ReadCloser: r.Body}
		seen := *r
		seen.Body = sent
		got := &recorder{ResponseWriter: w, status: http.StatusOK}
		next.ServeHTTP(got, &seen) // a panic cuts the connection: then there is no exchange
		for _, problem := range c.Exchange(Exchange{
			Method: r.Method, URL: r.URL, RequestHeader: r.Header, RequestBody: sent.read.Bytes(),
			Status: got.status, Header: w.Header(), Body: got.body.Bytes(),
		}) {
			tb.Error(problem)
		}
	})
}

// tee keeps what was read of a body.
type tee struct {
	io.ReadCloser
	read bytes.Buffer
}

func (t *tee) Read(p []byte) (int, error) {
	n, err := t.ReadCloser.Read(p)
	t.read.Write(p[:n])
	return n, err
}

// recorder keeps what was answered.
type recorder struct {
	http.ResponseWriter
	status int
	body   bytes.Buffer
}

func (r *recorder) WriteHeader(status int) {
	r.status = status
	r.ResponseWriter.WriteHeader(status)
}

func (r *recorder) Write(p []byte) (int, error) {
	r.body.Write(p)
	return r.ResponseWriter.Write(p)
}

// Unwrap lets [http.ResponseController] reach the connection.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }
