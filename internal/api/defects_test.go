package api_test

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"accessrelay/internal/api"
	"accessrelay/internal/channel"
	"accessrelay/internal/channel/slack"
	"accessrelay/internal/channelstore"
)

// clumsy is a kind whose error is not of the sort that may be shown.
type clumsy struct{ slack.Kind }

func (clumsy) Parse(config json.RawMessage) (channel.Config, error) {
	return nil, fmt.Errorf("cannot read %s", config)
}

func TestErrorOfAKindIsNotShown(t *testing.T) {
	h := start(t, func(c *api.Config) { c.Kinds = channel.Kinds{clumsy{}} })
	got := h.do(request{method: "POST", path: channelsPath + "/slack-webhook", body: `{"name":"a","url":"` + slackURL + `"}`})
	if got.status != 400 || wrongFields(t, got.body) != `["config"]` || leaks(h.log.String()) {
		t.Errorf("%d %s", got.status, got.body)
	}
}

// TestUnknownType: a channel that a later version made is shown and deleted,
// but not changed.
func TestUnknownType(t *testing.T) {
	h := start(t)
	rec := channelstore.Record{Sealed: []byte("x"), Channel: channel.Channel{
		ID: "6f1c2d3e-0000-4000-8000-000000000001", TenantID: acme, Name: "doves", Type: "pigeon",
		Enabled: true, ManagedBy: channel.ManagedByAPI, CreatedAt: noon, UpdatedAt: noon,
	}}
	if err := h.channels.Create(t.Context(), rec); err != nil {
		t.Fatal(err)
	}
	path := channelsPath + "/" + rec.ID
	if got := h.do(request{method: "PUT", path: path, body: `{"enabled":false}`}); got.status != 409 || field(t, got.body, "code") != "unsupported_channel_type" {
		t.Errorf("changed: %d %s", got.status, got.body)
	}
	if got := h.do(request{method: "GET", path: path}); got.status != 200 || !strings.Contains(got.body, `"event_filters":[]`) {
		t.Errorf("shown: %d %s", got.status, got.body)
	}
	if got := h.do(request{method: "DELETE", path: path}); got.status != 204 {
		t.Errorf("deleted: %d %s", got.status, got.body)
	}
}

type jammed struct{}

func (jammed) Seal([]byte) ([]byte, error) { return nil, errors.New("the wax is cold") }

func TestSealingGoesWrong(t *testing.T) {
	h := start(t, func(c *api.Config) { c.Sealer = jammed{} })
	got := h.do(request{method: "POST", path: channelsPath + "/slack-webhook", body: `{"name":"a","url":"` + slackURL + `"}`})
	if got.status != 500 || strings.Contains(got.body, "wax") {
		t.Errorf("%d %s", got.status, got.body)
	}
	if !strings.Contains(h.log.String(), "the wax is cold") {
		t.Error("the log does not say why")
	}
}

// TestBodyBreaksOff: a sender that promises more than it sends is not taken at
// its word.
func TestBodyBreaksOff(t *testing.T) {
	h := start(t)
	conn, err := net.Dial("tcp", h.server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	_, err = io.WriteString(conn, "POST "+channelsPath+"/slack-webhook HTTP/1.1\r\nHost: relay\r\nX-API-Key: "+acmeKey+
		"\r\nX-Tenant-ID: "+acme+"\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{\"name\":")
	if err != nil {
		t.Fatal(err)
	}
	if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode != 400 {
		t.Errorf("%d", res.StatusCode)
	}
}

// TestDefaults: what a Config may leave out.
func TestDefaults(t *testing.T) {
	h := start(t, func(c *api.Config) { c.Now, c.Log = nil, nil })
	id := h.create("slack-webhook", `{"name":"a","url":"`+slackURL+`"}`)
	if got := h.do(request{method: "POST", path: channelsPath + "/" + id + "/test"}); got.status != 202 {
		t.Errorf("%d %s", got.status, got.body)
	}
}
