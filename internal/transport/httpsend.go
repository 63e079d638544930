package transport

import (
	"bytes"
	"context"
	"crypto/tls"
	"io"
	"net/http"
	"net/http/httptrace"
	"sync/atomic"
	"time"
)

const (
	// maxAnswer is how much of an answer's body is read: enough for any error
	// code, and for the common case of reading all, so that the connection can
	// be used again.
	maxAnswer = 4 << 10
	// answerTime bounds the reading of a body whose status is already known.
	answerTime = 5 * time.Second
)

// Answer is what a destination said.
type Answer struct {
	Status int
	Header http.Header
	Body   []byte // its first 4 KiB; never to be shown: it may echo anything
	// Incomplete is set when the body broke off or did not come in time. A
	// destination whose status says it all may be believed nonetheless.
	Incomplete *SendError
}

// Post makes one request to a destination and returns its answer, whatever the
// status. The error is a *SendError; a stopped context is one for which
// errors.Is(err, context.Canceled) holds. No error text holds the URL, a
// header's value or anything the destination said.
func Post(ctx context.Context, client *http.Client, url string, header http.Header, body []byte) (*Answer, error) {
	var seen trace
	sendCtx, cancel := context.WithCancel(httptrace.WithClientTrace(ctx, seen.hooks()))
	defer cancel()
	req, err := http.NewRequestWithContext(sendCtx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return nil, Misconfigured(nil) // err quotes the URL
	}
	for name, values := range header {
		req.Header[name] = values
	}
	if req.Header.Get("User-Agent") == "" {
		req.Header.Set("User-Agent", UserAgent())
	}
	if ctx.Err() != nil {
		failure := brokenOff(ctx, ctx.Err(), &seen)
		failure.NoAttempt = true
		return nil, failure
	}

	resp, err := client.Do(req)
	if err != nil {
		return nil, brokenOff(ctx, err, &seen)
	}
	defer func() { _ = resp.Body.Close() }() // a failure to close says nothing about the answer
	answer := &Answer{Status: resp.StatusCode, Header: resp.Header}
	if resp.StatusCode == http.StatusSwitchingProtocols {
		return answer, nil // its body is the raw connection
	}
	late := time.AfterFunc(answerTime, cancel)
	defer late.Stop()
	answer.Body, err = io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		answer.Incomplete = brokenOff(ctx, err, &seen)
		if ctx.Err() == nil && sendCtx.Err() != nil {
			answer.Incomplete = timedOut()
		}
	}
	return answer, nil
}

// trace notes what net/http's errors do not tell. Its hooks may be called from
// other goroutines, also after the request is over.
type trace struct {
	handshakeFailed atomic.Bool
	answerBegun     atomic.Bool
}

func (t *trace) hooks() *httptrace.ClientTrace {
	return &httptrace.ClientTrace{
		TLSHandshakeDone: func(_ tls.ConnectionState, err error) {
			if err != nil {
				t.handshakeFailed.Store(true)
			}
		},
		GotFirstResponseByte: func() { t.answerBegun.Store(true) },
	}
}
