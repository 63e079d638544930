package chaos

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"
)

// manager calls the management API as an operator does, at the first ingest
// that answers.
type manager struct {
	bases  []string
	client *http.Client
}

func newManager(bases []string) *manager {
	return &manager{bases: bases, client: &http.Client{
		Transport: &http.Transport{MaxIdleConnsPerHost: 16},
		Timeout:   10 * time.Second,
	}}
}

func (m *manager) close() { m.client.CloseIdleConnections() }

var errNotFound = errors.New("not found")

// call returns the body of a 2xx.
func (m *manager) call(ctx context.Context, t *tenant, method, path string, body any) (json.RawMessage, error) {
	var text []byte
	if body != nil {
		var err error
		if text, err = json.Marshal(body); err != nil {
			return nil, fmt.Errorf("writing a call of the API: %w", err)
		}
	}
	var last error
	for _, base := range m.bases {
		answer, err := m.once(ctx, t, method, base+path, text)
		if err == nil || errors.Is(err, errNotFound) {
			return answer, err
		}
		last = err
	}
	return nil, fmt.Errorf("%s %s: %w", method, path, last)
}

func (m *manager) once(ctx context.Context, t *tenant, method, target string, body []byte) (json.RawMessage, error) {
	req, err := http.NewRequestWithContext(ctx, method, target, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("X-API-Key", t.apiKey)
	req.Header.Set("X-Tenant-ID", t.id)
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := m.client.Do(req)
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	answer, err := io.ReadAll(resp.Body)
	switch {
	case err != nil:
		return nil, err
	case resp.StatusCode == http.StatusNotFound:
		return nil, errNotFound
	case resp.StatusCode/100 != 2:
		return nil, fmt.Errorf("status %d: %s", resp.StatusCode, answer)
	}
	return answer, nil
}

// receipt is what the account needs of an event's receipt.
type receipt struct {
	Status      string `json:"status"`
	DuplicateOf string `json:"duplicate_of"`
	Deliveries  []struct {
		ChannelName string `json:"channel_name"`
		State       string `json:"state"`
	} `json:"deliveries"`
	raw json.RawMessage
}

// receipt returns an event's receipt, errNotFound if the tenant has none.
func (m *manager) receipt(ctx context.Context, t *tenant, id string) (receipt, error) {
	raw, err := m.call(ctx, t, http.MethodGet, "/v1/events/"+url.PathEscape(id), nil)
	if err != nil {
		return receipt{}, err
	}
	r := receipt{raw: raw}
	if err := json.Unmarshal(raw, &r); err != nil {
		return receipt{}, fmt.Errorf("reading the receipt of %s: %w", id, err)
	}
	return r, nil
}

// open reports whether something is still going to happen to the event.
func (r receipt) open() bool { return r.Status == "accepted" || r.Status == "pending" }

// replayDead replays all dead letters of a tenant and returns how many.
func (m *manager) replayDead(ctx context.Context, t *tenant) (int, error) {
	n := 0
	for cursor := ""; ; {
		body := map[string]any{"limit": 100}
		if cursor != "" {
			body["cursor"] = cursor
		}
		raw, err := m.call(ctx, t, http.MethodPost, "/v1/deliveries/replay", body)
		if err != nil {
			return n, err
		}
		var page struct {
			Data       []struct{} `json:"data"`
			NextCursor *string    `json:"next_cursor"`
		}
		if err := json.Unmarshal(raw, &page); err != nil {
			return n, fmt.Errorf("reading the answer to a replay: %w", err)
		}
		n += len(page.Data)
		if page.NextCursor == nil {
			return n, nil
		}
		cursor = *page.NextCursor
	}
}
