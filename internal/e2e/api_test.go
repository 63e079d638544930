package e2e

import (
	"encoding/json"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"accessrelay/internal/openapitest"
)

// receipt is what GET /v1/events/{id} answers.
type receipt struct {
	ID          string     `json:"id"`
	Type        string     `json:"type"`
	Source      string     `json:"source"`
	Platform    string     `json:"platform"`
	ReceivedAt  time.Time  `json:"received_at"`
	Status      string     `json:"status"`
	DuplicateOf string     `json:"duplicate_of"`
	Deliveries  []delivery `json:"deliveries"`
}

type delivery struct {
	ID            string    `json:"id"`
	ChannelID     string    `json:"channel_id"`
	ChannelName   string    `json:"channel_name"`
	ChannelType   string    `json:"channel_type"`
	State         string    `json:"state"`
	Attempts      int       `json:"attempts"`
	RetriesUsed   int       `json:"retries_used"`
	LastError     string    `json:"last_error"`
	NextAttemptAt time.Time `json:"next_attempt_at"`
	DeliveredAt   time.Time `json:"delivered_at"`

	Recipients []recipient `json:"recipients"` // of email

	// In the list of deliveries only.
	EventID   string    `json:"event_id"`
	EventType string    `json:"event_type"`
	CreatedAt time.Time `json:"created_at"`
}

type recipient struct {
	Address   string `json:"address"`
	State     string `json:"state"`
	LastError string `json:"last_error"`
}

// final reports whether nothing more is going to happen to the event.
func (r receipt) final() bool { return r.Status != "accepted" && r.Status != "pending" }

// to returns the delivery to a channel.
func (r receipt) to(t *testing.T, channel string) delivery {
	t.Helper()
	for _, d := range r.Deliveries {
		if d.ChannelName == channel {
			return d
		}
	}
	t.Fatalf("event %s has no delivery to %s: %+v", r.ID, channel, r)
	return delivery{}
}

type channelView struct {
	ID             string          `json:"id"`
	Name           string          `json:"name"`
	ChannelType    string          `json:"channel_type"`
	Config         json.RawMessage `json:"config"`
	Enabled        bool            `json:"enabled"`
	DisabledReason string          `json:"disabled_reason"`
	ManagedBy      string          `json:"managed_by"`
}

type list[T any] struct {
	Data       []T     `json:"data"`
	NextCursor *string `json:"next_cursor"`
}

// problem is the body of every error.
type problem struct {
	Type    string         `json:"type"`
	Code    string         `json:"code"`
	Message string         `json:"message"`
	ErrorID string         `json:"errorId"`
	Details map[string]any `json:"details"`
}

// described holds every call of the API against its description.
var described = sync.OnceValue(openapitest.Must)

// call makes a call of the API as the operator.
func (r *relay) call(method, path, body string) reply {
	r.t.Helper()
	req, err := http.NewRequest(method, r.ingest.listener("api")+path, strings.NewReader(body))
	if err != nil {
		r.t.Fatalf("making a request: %v", err)
	}
	req.Header.Set("X-API-Key", r.apiKey)
	req.Header.Set("X-Tenant-ID", tenant)
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	a, err := do(req)
	if err != nil {
		r.t.Fatalf("%s %s: %v", method, path, err)
	}
	for _, problem := range described().Exchange(openapitest.Exchange{
		Method: method, URL: req.URL, RequestHeader: req.Header, RequestBody: []byte(body),
		Status: a.status, Header: a.header, Body: a.body,
	}) {
		r.t.Error(problem)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.answers = append(r.answers, a)
	return a
}

// decode reads an answer that must have the given status.
func decode[T any](t *testing.T, a reply, status int) T {
	t.Helper()
	var v T
	if a.status != status {
		t.Fatalf("status %d, want %d: %s", a.status, status, a.body)
	}
	if err := json.Unmarshal(a.body, &v); err != nil {
		t.Fatalf("reading the answer: %v: %s", err, a.body)
	}
	return v
}

// receipt returns an event's receipt as it is now.
func (r *relay) receipt(id string) receipt {
	r.t.Helper()
	return decode[receipt](r.t, r.call(http.MethodGet, "/v1/events/"+id, ""), http.StatusOK)
}

// settle waits until nothing more is going to happen to the event. It asks again
// where the API says to, as every client should: Redis may be slow for a moment.
func (r *relay) settle(id string, limit time.Duration) receipt {
	r.t.Helper()
	var got receipt
	eventually(r.t, limit, "event "+id+" is settled", func() bool {
		a := r.call(http.MethodGet, "/v1/events/"+id, "")
		if a.status == http.StatusServiceUnavailable && a.header.Get("Retry-After") != "" {
			return false
		}
		got = decode[receipt](r.t, a, http.StatusOK)
		return got.final()
	})
	return got
}

// idle waits until no worker has a task under way: it counts and logs what it did
// after it has written what the API shows.
func (r *relay) idle() {
	r.t.Helper()
	eventually(r.t, soon, "no task is under way", func() bool {
		n := int64(0)
		for _, queue := range []string{"events", "deliveries"} {
			n += r.redis.Client().LLen(r.t.Context(), "asynq:{"+queue+"}:active").Val()
		}
		return n == 0
	})
}

// channel returns the channel of that name as the API shows it.
func (r *relay) channel(name string) channelView {
	r.t.Helper()
	for _, c := range decode[list[channelView]](r.t, r.call(http.MethodGet, "/v1/notification-channels", ""), http.StatusOK).Data {
		if c.Name == name {
			return c
		}
	}
	r.t.Fatalf("there is no channel %s", name)
	return channelView{}
}
