package e2e

import (
	"net/http"
	"strings"
)

// The scenes of replays, and of calls of the API whose ingest dies.

// died has a delivery die before the crash. Its destination is well from now on.
func (s *stage) died() (a *sink, deliveryID string) {
	s.t.Helper()
	a = newSink(s.t, status(400), answer{})
	s.open(webhookTo("a", a))
	s.before(func() {
		s.id = s.send(preapproval("a"))
		deliveryID = s.settle(s.id).to(s.t, "a").ID
	})
	s.wantDead(1)
	return a, deliveryID
}

// wantReplayed: the replay was delivered, and it is off the list of the dead.
func (s *stage) wantReplayed(a *sink) {
	s.t.Helper()
	var got receipt
	s.eventually("the replay is delivered", func() bool {
		got = s.receipt(s.id)
		return got.Status == "delivered"
	})
	s.rest()
	s.want(got, "a", a, "delivered", 2, 0, 2+s.extra())
	s.wantDead(0)
}

func (s *stage) replay(id string) {
	s.t.Helper()
	if got := s.call(http.MethodPost, "/v1/deliveries/"+id+"/replay", ""); got.status != http.StatusAccepted {
		s.t.Fatalf("replaying: status %d, %s", got.status, got.body)
	}
}

func sceneReplay(s *stage) {
	a, id := s.died()
	s.replay(id)
	s.doomedDies()
	s.aWorker()
	s.wantReplayed(a)
}

// doomedDies is workerDies where no event comes first.
func (s *stage) doomedDies() {
	s.t.Helper()
	_, px := s.doomedWorker(deliveries)
	s.await(px)
}

// sceneUnwritten: an ingest died after it asked for the replay, so that the
// worker does the rest.
func sceneUnwritten(s *stage) {
	a, id := s.died()
	point := s.point
	s.point = crashPoint{at: crash{op: "the delivery is enqueued", after: true}, left: "delivery pending; claim; record: dead; listed; listed dead"}
	s.ingestDies(func() (*http.Request, error) { return s.request(http.MethodPost, "/v1/deliveries/"+id+"/replay", "") })
	s.point = point
	s.doomedDies()
	s.aWorker()
	s.wantReplayed(a)
}

// request is a call of the API that is not made yet.
func (s *stage) request(method, path, body string) (*http.Request, error) {
	req, err := http.NewRequest(method, s.ingest.listener("api")+path, strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("X-API-Key", s.apiKey)
	req.Header.Set("X-Tenant-ID", tenant)
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	return req, nil
}

// scenePublish: the caller repeats its key, whatever it makes of the body.
func scenePublish(s *stage) {
	s.acceptanceDies(func() (*http.Request, error) {
		return s.published("k", `{"type":"grant.revoked","timestamp":"2026-01-15T09:30:00Z"}`), nil
	}, func() string {
		return s.publish("k", `{"type":"grant.revoked","timestamp":"2026-01-15T09:30:05Z"}`)
	})
}

func sceneReplayCall(s *stage) {
	a, id := s.died()
	s.ingestDies(func() (*http.Request, error) { return s.request(http.MethodPost, "/v1/deliveries/"+id+"/replay", "") })
	if !strings.Contains(s.point.left, "delivery pending") {
		s.replay(id) // else the worker does it without being asked again
	}
	s.aWorker()
	s.wantReplayed(a)
}

func sceneDeleteCall(s *stage) {
	a, id := s.died()
	path := "/v1/deliveries/" + id
	s.ingestDies(func() (*http.Request, error) { return s.request(http.MethodDelete, path, "") })
	want := http.StatusNoContent
	if strings.Contains(s.point.left, "deleted") {
		want = http.StatusNotFound
	}
	if got := s.call(http.MethodDelete, path, ""); got.status != want {
		s.t.Errorf("asked again: status %d, want %d: %s", got.status, want, got.body)
	}
	s.wantDead(0)
	s.want0(a)
}

// want0: nothing was sent by what the API was asked for.
func (s *stage) want0(a *sink) {
	s.t.Helper()
	if n := len(a.all()); n != 1 {
		s.t.Errorf("%d requests, want the one before", n)
	}
	s.rest()
}

func sceneChannel(s *stage) {
	a := newSink(s.t)
	s.seal()
	s.open()
	s.off = true
	fields := map[string]any{"name": "a", "url": a.url}
	create := func() (*http.Request, error) {
		return s.request(http.MethodPost, channelsPath+"/generic-webhook", toJSON(s.t, fields))
	}
	had := func() int {
		return len(decode[list[channelView]](s.t, s.call(http.MethodGet, channelsPath, ""), http.StatusOK).Data)
	}
	done := s.point.at.after
	switch s.point.at.op {
	case "the channel is stored":
		s.ingestDies(create)
		if done {
			wantProblem(s.t, "creating it again", s.call(http.MethodPost, channelsPath+"/generic-webhook", toJSON(s.t, fields)), 409, "name_taken", "")
		} else {
			s.create("generic-webhook", fields)
		}
	case "the channel is changed":
		ch := s.create("generic-webhook", map[string]any{"name": "old", "url": "https://example.com/"})
		change := map[string]any{"name": "a", "config": map[string]any{"url": a.url}}
		s.ingestDies(func() (*http.Request, error) {
			return s.request(http.MethodPut, channelsPath+"/"+ch.ID, toJSON(s.t, change))
		})
		s.update(ch.ID, change)
	case "the channel is deleted":
		ch := s.create("generic-webhook", fields)
		s.ingestDies(func() (*http.Request, error) { return s.request(http.MethodDelete, channelsPath+"/"+ch.ID, "") })
		want := map[bool]int{false: http.StatusNoContent, true: http.StatusNotFound}[done]
		if got := s.call(http.MethodDelete, channelsPath+"/"+ch.ID, ""); got.status != want {
			s.t.Errorf("deleting it again: status %d, want %d", got.status, want)
		}
		if n := had(); n != 0 {
			s.t.Errorf("%d channels, want none", n)
		}
		s.create("generic-webhook", fields) // its name is free
	}
	if n := had(); n != 1 {
		s.t.Fatalf("%d channels, want 1", n)
	}
	s.aWorker()
	s.id = s.send(preapproval("a"))
	s.want(s.settle(s.id), "a", a, "delivered", 1, 0, 1)
	s.rest()
}
