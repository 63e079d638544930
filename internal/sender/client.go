// Package sender is the other side, for trying out a relay without any platform:
// it signs webhooks and posts them.
package sender

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
	"unicode"
)

const (
	sendTimeout = 30 * time.Second // platforms wait less; a relay answers in milliseconds
	maxAnswer   = 64 << 10         // bytes of an answer that are read
	maxMessage  = 200              // characters of it that are shown
)

// Client posts webhooks to one URL, as a platform does. It is safe for
// concurrent use. Close it when done.
type Client struct {
	url         string
	credentials Credentials
	client      *http.Client
}

// Answer is what the other side said to one webhook.
type Answer struct {
	Status  int
	EventID string // the relay's, empty if it gave none
	Message string // of a refusal, in one line
	Took    time.Duration
}

// OK reports whether the webhook was taken.
func (a Answer) OK() bool { return a.Status >= 200 && a.Status < 300 }

// New returns a client for an http or https URL, whose every request has the
// credentials.
func New(target string, credentials Credentials) (*Client, error) {
	u, err := url.Parse(target)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, errors.New("not a URL such as http://127.0.0.1:8080/v1/hooks/demo-p0")
	}
	return &Client{url: target, credentials: credentials, client: &http.Client{
		Transport: &http.Transport{
			Proxy: http.ProxyFromEnvironment, MaxIdleConnsPerHost: 256, IdleConnTimeout: time.Minute, ForceAttemptHTTP2: true,
		},
		Timeout: sendTimeout,
		// A redirect is an answer to show, not a place to take credentials to.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}, nil
}

// Close lets go of the connections.
func (s *Client) Close() { s.client.CloseIdleConnections() }

// Request returns what [Client.Send] posts, with its credentials.
func (s *Client) Request(ctx context.Context, body []byte) (*http.Request, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url, bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("making the request: %w", err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "relayctl")
	if err := s.credentials(req, body); err != nil {
		return nil, err
	}
	return req, nil
}

// Send posts one webhook. The error is of the connection; an answer of any
// status is none.
func (s *Client) Send(ctx context.Context, body []byte) (Answer, error) {
	req, err := s.Request(ctx, body)
	if err != nil {
		return Answer{}, err
	}
	start := time.Now()
	resp, err := s.client.Do(req)
	if err != nil {
		return Answer{}, short(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	a := Answer{Status: resp.StatusCode, EventID: resp.Header.Get("Accessrelay-Event-Id"), Took: time.Since(start)}
	if err != nil {
		return a, fmt.Errorf("reading the answer: %w", short(err))
	}
	if !a.OK() {
		a.Message = message(text)
	}
	return a, nil
}

// short leaves out the method and the URL, which the caller has given itself.
func short(err error) error {
	if u, ok := errors.AsType[*url.Error](err); ok {
		return u.Err
	}
	return err
}

// message is what a refusal says: the message of the relay's error shape, else
// the beginning of whatever it is.
func message(body []byte) string {
	var problem struct {
		Message string `json:"message"`
	}
	text := string(body)
	if json.Unmarshal(body, &problem) == nil && problem.Message != "" {
		text = problem.Message
	}
	text = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case !unicode.IsPrint(r):
			return -1
		}
		return r
	}, strings.ToValidUTF8(text, ""))
	text = strings.Join(strings.Fields(text), " ")
	if r := []rune(text); len(r) > maxMessage {
		text = string(r[:maxMessage]) + "…"
	}
	return text
}
