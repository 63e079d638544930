package relayctl

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"accessrelay/internal/secret"
)

const (
	callTimeout = 30 * time.Second // the API itself gives up much earlier
	maxAnswer   = 16 << 20
)

// apiFlags say which management API to call, and as whom.
type apiFlags struct {
	APIURL     string `name:"api-url" default:"http://127.0.0.1:8081" variable:"ACCESSRELAY_API_URL" placeholder:"URL" help:"The management API."`
	APIKeyFile string `name:"api-key-file" variable:"ACCESSRELAY_API_KEY_FILE" placeholder:"FILE" help:"The API key is in this file: alone, or as relayctl keygen api-key prints it."`
	Tenant     string `variable:"ACCESSRELAY_TENANT_ID" placeholder:"UUID" help:"The tenant's id."`
}

// client calls the management API.
type client struct {
	base   string
	key    secret.String
	tenant string
	http   *http.Client
}

// client checks the flags. Close must be called.
func (f *apiFlags) client() (*client, error) {
	u, err := url.Parse(f.APIURL)
	switch {
	case err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || u.RawQuery != "":
		return nil, badUsage("--api-url: not a URL such as http://127.0.0.1:8081")
	case f.APIKeyFile == "":
		return nil, badUsage("--api-key-file: is missing: a file with an API key of the tenant; relayctl keygen api-key makes one")
	case f.Tenant == "":
		return nil, badUsage("--tenant: is missing: the tenant's id, as in accessrelay.yaml")
	}
	data, err := os.ReadFile(f.APIKeyFile)
	if err != nil {
		return nil, fmt.Errorf("--api-key-file: %w", shortPath(err))
	}
	key := apiKey(string(data))
	if key == "" {
		return nil, fmt.Errorf("--api-key-file: %s: holds no API key on its first line", f.APIKeyFile)
	}
	return &client{
		base: strings.TrimRight(f.APIURL, "/"), key: secret.New(key), tenant: f.Tenant,
		http: &http.Client{
			Transport: &http.Transport{Proxy: http.ProxyFromEnvironment, IdleConnTimeout: time.Minute, ForceAttemptHTTP2: true},
			Timeout:   callTimeout,
			// A redirect is an answer to show, not a place to take the key to.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}, nil
}

// apiKey is the key in a file, or "". A header could not carry any other.
func apiKey(file string) string {
	first, _, _ := strings.Cut(file, "\n")
	key := strings.TrimSpace(strings.TrimPrefix(first, "key: "))
	if strings.ContainsFunc(key, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return ""
	}
	return key
}

// Close lets go of the connections.
func (c *client) Close() { c.http.CloseIdleConnections() }

// refusal is an answer that is no success.
type refusal struct {
	status  int
	Code    string `json:"code"`
	Message string `json:"message"`
	ErrorID string `json:"errorId"`
}

func (r *refusal) Error() string {
	if r.Code == "" {
		return fmt.Sprintf("the API answered %d, and not as the management API does: is --api-url right?", r.status)
	}
	return printable(fmt.Sprintf("%d %s: %s (%s)", r.status, r.Code, r.Message, r.ErrorID))
}

// call makes one call and decodes the answer into out, unless that is nil. An
// answer that is no success is a *refusal.
func (c *client) call(ctx context.Context, method, path string, body, out any) error {
	var sent io.Reader
	if body != nil {
		data, err := json.Marshal(body)
		if err != nil {
			return fmt.Errorf("encoding the request: %w", err)
		}
		sent = bytes.NewReader(data)
	}
	req, err := http.NewRequestWithContext(ctx, method, c.base+path, sent)
	if err != nil {
		return fmt.Errorf("making the request: %w", err)
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	req.Header.Set("User-Agent", "relayctl")
	req.Header.Set("X-API-Key", c.key.Reveal())
	req.Header.Set("X-Tenant-ID", c.tenant)
	resp, err := c.http.Do(req)
	if err != nil {
		if ue, ok := errors.AsType[*url.Error](err); ok {
			err = ue.Err
		}
		return fmt.Errorf("--api-url: %s: %w", c.base, err)
	}
	defer func() { _ = resp.Body.Close() }() // only read
	data, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return fmt.Errorf("reading the answer: %w", err)
	}
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		r := &refusal{status: resp.StatusCode}
		if json.Unmarshal(data, r) != nil {
			r.Code = ""
		}
		return r
	}
	if out == nil {
		return nil
	}
	if err := json.Unmarshal(data, out); err != nil {
		return &refusal{status: resp.StatusCode}
	}
	return nil
}

// refused reports whether err is an answer with one of the statuses.
func refused(err error, statuses ...int) bool {
	r, ok := errors.AsType[*refusal](err)
	if !ok {
		return false
	}
	for _, s := range statuses {
		if r.status == s {
			return true
		}
	}
	return false
}
