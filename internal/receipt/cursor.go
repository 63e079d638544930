package receipt

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"io"

	"accessrelay/internal/event"
)

// walk is a way to go through deliveries.
type walk string

const (
	walkEvents walk = "events" // the tenant's events, each with its deliveries
	walkDead   walk = "dead"   // the tenant's dead deliveries
	walkOne    walk = "one"    // the deliveries of one event
)

// cursor is how far a list was read. It names no tenant: it is of use only
// together with the query it belongs to.
type cursor struct {
	Walk   walk   `json:"w"`
	Score  int64  `json:"s,omitempty"`
	Member string `json:"m,omitempty"` // the list goes on behind this event or delivery; "": from the top
	// N is for events only: the list goes on in this event, at its Nth delivery.
	N int `json:"n,omitempty"`
}

func (c cursor) String() string {
	b, err := json.Marshal(c)
	if err != nil {
		panic("encoding strings and numbers: " + err.Error()) // cannot be
	}
	return base64.RawURLEncoding.EncodeToString(b)
}

// parseCursor is the inverse of [cursor.String] for a cursor of walk w, and
// gives the beginning for "". Anything else is [ErrBadCursor].
func parseCursor(s string, w walk) (cursor, error) {
	c := cursor{Walk: w}
	if s == "" {
		return c, nil
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(s)
	if err != nil {
		return c, ErrBadCursor
	}
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.DisallowUnknownFields()
	var got cursor
	if err := dec.Decode(&got); err != nil {
		return c, ErrBadCursor
	}
	if _, err := dec.Token(); err != io.EOF || got.Walk != w || got.N < 0 || !got.memberOK() {
		return c, ErrBadCursor
	}
	return got, nil
}

func (c cursor) memberOK() bool {
	if c.Walk == walkDead {
		_, _, ok := event.ParseDeliveryID(c.Member)
		return ok && c.N == 0
	}
	return event.ValidID(c.Member)
}
