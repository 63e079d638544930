package sns

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"

	"accessrelay/internal/transport"
)

// wire is the SDK's way out for one request. It sends what the SDK has signed as
// every transport over HTTP sends, and keeps what came of it: the SDK's own
// errors quote too much and tell too little.
type wire struct {
	client  *http.Client
	sent    bool
	answer  *transport.Answer
	failure error // a *transport.SendError; then there is no answer
}

// dropped are headers that are no part of what is signed and that nobody out
// there needs: what runs here, and, on AWS's Lambda, a trace of the environment.
var dropped = []string{"User-Agent", "X-Amzn-Trace-Id"}

// Do implements the SDK's HTTPClient.
func (w *wire) Do(req *http.Request) (*http.Response, error) {
	if w.sent {
		return nil, errors.New("one attempt is one request")
	}
	w.sent = true
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return nil, fmt.Errorf("reading the request: %w", err)
	}
	header := req.Header.Clone()
	for _, name := range dropped {
		header.Del(name)
	}
	w.answer, err = transport.Post(req.Context(), w.client, req.URL.String(), header, body)
	if err != nil {
		w.failure = err
		return nil, err
	}
	return &http.Response{
		StatusCode: w.answer.Status, Header: w.answer.Header,
		Body: io.NopCloser(bytes.NewReader(w.answer.Body)), Request: req,
	}, nil
}
