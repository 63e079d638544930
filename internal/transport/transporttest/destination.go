package transporttest

import (
	"net/textproto"
	"sync"
	"sync/atomic"
	"testing"
)

// order is what every destination understands, whatever it speaks.
type order string

const (
	confirm    order = "confirm"
	refuse     order = "refuse for good"
	deferIt    order = "defer"
	throttleIt order = "throttle for 7 s" // protocols without it have no want for it
	hangBefore order = "hang before accepting"
	hangAfter  order = "hang after accepting"
	cut        order = "cut"
	redirectIt order = "redirect"
	babble     order = "speak another protocol"
)

// destination is a server on loopback. Its methods are safe for concurrent use.
type destination interface {
	place() Place
	// obey makes the server treat all that comes from now on so: an order, or a
	// script of the protocol's own.
	obey(script any)
	// messages are those that arrived whole.
	messages() []Message
	// connections counts what has connected so far.
	connections() int64
	// hanging is sent to each time an attempt begins to hang.
	hanging() <-chan struct{}
	// stop ends the server, so that connecting to it is refused.
	stop()
}

// Message is one that arrived.
type Message struct {
	Header textproto.MIMEHeader // of the request or of the mail
	Body   []byte               // as it came over the wire
	Raw    []byte               // a mail with its header
	From   string               // of a mail's envelope; so is To
	To     []string
}

// outcome is a row of a protocol's table.
type outcome struct {
	name   string
	script any
	want   want
	tells  string // what the error says of it, by which people find the cause
}

// Protocol is what destinations of a channel type speak.
type Protocol struct {
	usual    security // of destinations that are not about TLS
	start    func(*testing.T, security) destination
	orders   map[order]want
	outcomes []outcome
	// texts are what the reader of a message gets to see, decoded. It fails t
	// for a message that is not well formed.
	texts func(*testing.T, Message) []string
	// limit is how many bytes the body may have; 0 is no limit.
	limit int
	own   []ownTest
}

// ownTest is one of a single protocol's.
type ownTest struct {
	name string
	run  func(*testing.T, suite)
}

// record is what all destinations keep.
type record struct {
	mu    sync.Mutex
	seen  []Message
	conns atomic.Int64
	hangs chan struct{}
}

func newRecord() *record { return &record{hangs: make(chan struct{}, 1000)} }

func (l *record) add(m Message) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.seen = append(l.seen, m)
}

func (l *record) messages() []Message {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]Message(nil), l.seen...)
}

func (l *record) connections() int64       { return l.conns.Load() }
func (l *record) hanging() <-chan struct{} { return l.hangs }
