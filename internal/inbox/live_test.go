package inbox

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
)

type sse struct{ name, id, data string }

// listen opens the stream and returns its events.
func (s *site) listen(query string, header map[string]string) (<-chan sse, context.CancelFunc) {
	s.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	s.t.Cleanup(cancel)
	req, err := http.NewRequestWithContext(ctx, "GET", s.url+"/events"+query, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	for k, v := range header {
		req.Header.Set(k, v)
	}
	res, err := s.c.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	if res.StatusCode != 200 || res.Header.Get("Content-Type") != "text/event-stream" {
		res.Body.Close()
		s.t.Fatalf("GET /events = %d", res.StatusCode)
	}
	out := make(chan sse, 100)
	go func() {
		defer close(out)
		defer res.Body.Close()
		var e sse
		var data []string
		for sc := bufio.NewScanner(res.Body); sc.Scan(); {
			key, value, _ := strings.Cut(sc.Text(), ": ")
			switch key {
			case "event":
				e.name = value
			case "id":
				e.id = value
			case "data":
				data = append(data, value)
			case "":
				e.data = strings.Join(data, "\n")
				out <- e
				e, data = sse{}, nil
			}
		}
	}()
	return out, cancel
}

// until returns the first event of that name.
func until(t *testing.T, events <-chan sse, name string) sse {
	t.Helper()
	deadline := time.After(10 * time.Second)
	for {
		select {
		case e, ok := <-events:
			if !ok {
				t.Fatalf("the stream ended before %s", name)
			}
			if e.name == name {
				return e
			}
		case <-deadline:
			t.Fatalf("no event %s", name)
		}
	}
}

func TestStreamShowsWhatComesIn(t *testing.T) {
	s := serve(t, Config{})
	s.post("/webhook/x", `{"first":true}`)
	events, _ := s.listen("?after=1", nil)
	if e := until(t, events, "hello"); e.data != s.in.version {
		t.Errorf("hello = %q", e.data)
	}
	until(t, events, "failures") // the stream is up

	s.post("/webhook/x", "{\"second\": \"line\r\u2028\"}\n")
	e := until(t, events, "message")
	if e.id != "2" || !strings.Contains(e.data, `<article class="msg webhook ok" id="m2"`) || !strings.HasSuffix(e.data, "</article>\n") {
		t.Errorf("event %+v", e)
	}
	s.do("POST", "/fail?path=/webhook/x&times=4", "", nil)
	if e := until(t, events, "failures"); !strings.Contains(e.data, "to the next 4 deliveries") {
		t.Errorf("failures = %q", e.data)
	}
	if r := s.do("DELETE", "/api/messages", "", nil); r.status != 204 {
		t.Errorf("DELETE /api/messages = %d", r.status)
	}
	until(t, events, "clear")
	s.post("/slack/x", `{"text":"after"}`)
	if e := until(t, events, "message"); e.id != "3" {
		t.Errorf("id after a clear = %s", e.id)
	}
}

// The best of several: a busy machine may be late, a page that polls always is.
func TestStreamIsQuick(t *testing.T) {
	s := serve(t, Config{})
	events, _ := s.listen("", nil)
	until(t, events, "failures") // the stream is up
	best := time.Hour
	for range 10 {
		start := time.Now()
		s.post("/webhook/x", `{}`)
		until(t, events, "message")
		best = min(best, time.Since(start))
	}
	if best > 200*time.Millisecond {
		t.Errorf("a message takes %v to the page", best)
	}
}

// A browser that lost its connection gets what it missed, each message once.
func TestStreamGoesOnWhereItWas(t *testing.T) {
	s := serve(t, Config{})
	for i := range 5 {
		s.post("/webhook/x", fmt.Sprint(i))
	}
	events, cancel := s.listen("?after=1", map[string]string{"Last-Event-ID": "3"})
	for _, want := range []string{"4", "5"} {
		if e := until(t, events, "message"); e.id != want {
			t.Errorf("id = %s, want %s", e.id, want)
		}
	}
	cancel()
	if r := s.do("GET", "/events?after=x", "", nil); r.status != 400 {
		t.Errorf("after=x: %d", r.status)
	}
}

func TestCloseEndsStreamsAndWaits(t *testing.T) {
	s := serve(t, Config{})
	events, _ := s.listen("", nil)
	until(t, events, "hello")
	waited := make(chan int)
	go func() { waited <- len(s.messages("?wait=60s").Data) }()
	s.in.Close()
	s.in.Close()
	for range events { // until the stream ends
	}
	if n := <-waited; n != 0 {
		t.Errorf("%d messages", n)
	}
}

func TestTooManyStreams(t *testing.T) {
	s := serve(t, Config{})
	for range maxStreams {
		s.in.streams <- struct{}{}
	}
	if r := s.do("GET", "/events", "", nil); r.status != 503 {
		t.Errorf("GET /events = %d", r.status)
	}
	<-s.in.streams
	events, _ := s.listen("", nil)
	until(t, events, "hello")
}

func TestAPIWaits(t *testing.T) {
	s := serve(t, Config{})
	s.post("/webhook/x", `{"n":1.50,"s":"<&>"}`)
	if l := s.messages("?wait=60s"); len(l.Data) != 1 {
		t.Fatalf("there is one already, got %d", len(l.Data))
	}
	got := make(chan messageList)
	go func() { got <- s.messages("?since=1&wait=30s&path=/slack/y") }()
	s.post("/webhook/x", `{}`) // another path: it goes on waiting
	s.post("/slack/y/", `{"text":"x"}`)
	if l := <-got; len(l.Data) != 1 || l.Data[0].ID != 3 || l.Data[0].Kind != "slack" || l.Last != 3 {
		t.Errorf("got %+v", l)
	}
	if l := s.messages("?since=3&wait=1ms"); len(l.Data) != 0 || l.Data == nil {
		t.Errorf("got %+v", l.Data)
	}
	var m Message
	if err := json.Unmarshal([]byte(s.do("GET", "/api/messages/1", "", nil).body), &m); err != nil || m.Body != `{"n":1.50,"s":"<&>"}` {
		t.Errorf("message 1: %+v, %v", m, err)
	}
	for path, want := range map[string]int{
		"/api/messages/4": 404, "/api/messages/x": 404, "/api/messages/0": 404, "/api/messages?since=x": 400, "/api/messages?since=-1": 400,
		"/api/messages?wait=5": 400, "/api/messages?wait=2h": 400, "/api/messages?wait=-1s": 400,
	} {
		if r := s.do("GET", path, "", nil); r.status != want {
			t.Errorf("GET %s = %d, want %d", path, r.status, want)
		}
	}
}
