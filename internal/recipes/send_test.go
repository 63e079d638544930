package recipes

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"accessrelay/internal/channel"
	"accessrelay/internal/event"
	"accessrelay/internal/transport"
	"accessrelay/internal/transport/webhook"
)

var now = time.Date(2026, 1, 15, 9, 31, 0, 0, time.UTC)

// request is what arrived, and where it was meant to.
type request struct {
	url    string
	header http.Header
	body   []byte
}

// destination plays a vendor. All requests come to it, whatever host they name:
// the channel is the recipe's, unchanged.
type destination struct {
	transport *webhook.Transport
	mu        sync.Mutex
	got       request
	status    int
	header    map[string]string
}

func newDestination(t *testing.T) *destination {
	t.Helper()
	d := &destination{status: http.StatusOK}
	srv := httptest.NewServer(d)
	t.Cleanup(srv.Close)
	to, err := url.Parse(srv.URL)
	if err != nil {
		t.Fatal(err)
	}
	base := &http.Transport{}
	t.Cleanup(base.CloseIdleConnections)
	client := &http.Client{Transport: redirected{to, base}}
	d.transport = webhook.New(transport.Clients{Tenant: client, Operator: client})
	return d
}

func (d *destination) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.got = request{"https://" + r.Host + r.URL.RequestURI(), r.Header, body}
	for name, value := range d.header {
		w.Header().Set(name, value)
	}
	w.WriteHeader(d.status)
}

// send makes one attempt and returns what arrived.
func (d *destination) send(ctx context.Context, ch *channel.Channel, ev *event.Event) (request, error) {
	_, err := d.transport.Send(ctx, transport.Attempt{Channel: ch, Event: ev, Now: now})
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.got, err
}

// redirected sends every request to one server. The Host header stays.
type redirected struct {
	to   *url.URL
	base http.RoundTripper
}

func (r redirected) RoundTrip(req *http.Request) (*http.Response, error) {
	host := req.URL.Host
	req = req.Clone(req.Context())
	req.URL.Scheme, req.URL.Host, req.Host = "http", r.to.Host, host
	return r.base.RoundTrip(req)
}

// get follows a dotted path into a JSON value; nil if it leads nowhere.
func get(v any, path string) any {
	for key := range strings.SplitSeq(path, ".") {
		switch x := v.(type) {
		case map[string]any:
			v = x[key]
		case []any:
			i, err := strconv.Atoi(key)
			if err != nil || i < 0 || i >= len(x) {
				return nil
			}
			v = x[i]
		default:
			return nil
		}
	}
	return v
}

// decode reads JSON with its numbers as written.
func decode(t *testing.T, body []byte) any {
	t.Helper()
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.UseNumber()
	var v any
	if err := dec.Decode(&v); err != nil {
		t.Fatalf("%v\n%.400s", err, body)
	}
	return v
}

// encode writes v as people read it.
func encode(v any) []byte {
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(v); err != nil {
		panic(err) // what was decoded can be encoded
	}
	return out.Bytes()
}
