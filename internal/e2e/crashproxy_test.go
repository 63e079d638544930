package e2e

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"accessrelay/internal/redistest"
)

// crash says where a program dies.
type crash struct {
	op    string // of the operations; "": when die is called
	nth   int    // which of them; 0 and 1 are the first
	after bool   // Redis has done it and the answer is never given; else Redis is never asked
}

// crashProxy stands between one program and its Redis. It knows every request
// for what it is, notes the writes, and at one of them has the program killed:
// from then on it passes nothing on, whichever connection it comes from.
//
// It passes requests on one at a time for each connection, so that of a pipeline
// nothing goes further than the crash.
type crashProxy struct {
	t       *testing.T
	redis   *redistest.Server
	program string
	at      crash

	listener net.Listener
	victim   chan *process // holds the one to kill
	fired    chan struct{} // closed once it is dead
	wg       sync.WaitGroup

	order sync.RWMutex // held alone by a request that the program may die at
	dead  bool
	count int

	mu     sync.Mutex
	conns  map[net.Conn]bool
	closed bool
	// The program is shown empty queues where it would do two things at a time,
	// so that what is left of a crash is the same every time.
	oneEvent     bool // and no second
	noEvents     bool // one was taken, or none is to be
	noDeliveries bool // an event comes first and is not done
	seen         map[string]int
	unknown      map[string]bool
}

// startProxy starts a proxy for one run of a program. It ends with the test,
// after the programs that are started later than it.
func startProxy(t *testing.T, server *redistest.Server, program string, at crash) *crashProxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatalf("listening as a proxy: %v", err)
	}
	p := &crashProxy{
		t: t, redis: server, program: program, at: at, listener: l,
		victim: make(chan *process, 1), fired: make(chan struct{}),
		conns: map[net.Conn]bool{}, seen: map[string]int{}, unknown: map[string]bool{},
	}
	p.wg.Go(p.accept)
	t.Cleanup(p.close)
	return p
}

// env makes a program use the proxy.
func (p *crashProxy) env() string {
	return "ACCESSRELAY_REDIS_URL=redis://" + p.listener.Addr().String() + "/0"
}

func (p *crashProxy) accept() {
	for {
		down, err := p.listener.Accept()
		if err != nil {
			return // closed
		}
		p.wg.Go(func() { p.serve(down) })
	}
}

func (p *crashProxy) close() {
	_ = p.listener.Close()
	p.mu.Lock()
	p.closed = true
	for c := range p.conns {
		_ = c.Close()
	}
	p.mu.Unlock()
	p.wg.Wait()
	for what := range p.unknown {
		p.t.Errorf("%s made a write that no crash point covers: %s", p.program, what)
	}
}

// hold notes a connection for close; false if that has been.
func (p *crashProxy) hold(c net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.conns[c] = true
	return !p.closed
}

func (p *crashProxy) serve(down net.Conn) {
	defer func() { _ = down.Close() }()
	up, err := net.Dial("tcp", p.redis.Addr())
	if err != nil {
		return // as if Redis had refused it
	}
	defer func() { _ = up.Close() }()
	if !p.hold(down) || !p.hold(up) {
		return
	}
	requests, replies := bufio.NewReader(down), bufio.NewReader(up)
	for {
		req, err := readRequest(requests)
		if err != nil {
			return
		}
		if name := req.command(); name == "SUBSCRIBE" || name == "PSUBSCRIBE" {
			p.stream(req, requests, replies, down, up)
			return
		}
		answer, ok := p.pass(req, replies, up)
		if !ok {
			return
		}
		if _, err := down.Write(answer); err != nil {
			return
		}
	}
}

// stream passes on both ways what is no longer question and answer.
func (p *crashProxy) stream(req request, requests, replies *bufio.Reader, down, up net.Conn) {
	if _, err := up.Write(req.raw); err != nil {
		return
	}
	p.wg.Go(func() {
		_, _ = io.Copy(down, replies)
		_ = down.Close()
	})
	_, _ = io.Copy(up, requests)
}

// pass has Redis answer a request. It returns false once the program is dead.
func (p *crashProxy) pass(req request, replies *bufio.Reader, up net.Conn) ([]byte, bool) {
	op, known := recognize(req)
	loaded := p.loaded(req)
	candidate := known && op.name == p.at.op && p.at.op != "" && loaded
	if candidate {
		p.order.Lock()
		defer p.order.Unlock()
	} else {
		p.order.RLock()
		defer p.order.RUnlock()
	}
	if p.dead {
		return nil, false
	}
	if p.emptied(op.name) {
		return []byte("$-1\r\n"), true
	}
	if candidate && !p.at.after && p.would(req, op) && p.isIt() {
		p.kill()
		return nil, false
	}
	if _, err := up.Write(req.raw); err != nil {
		return nil, false
	}
	answer, err := readReply(replies)
	if err != nil {
		return nil, false
	}
	if loaded && answer.raw[0] != '-' {
		p.note(req, op, known, answer)
	}
	if candidate && p.at.after && answer.did(op) && p.isIt() {
		p.kill()
		return nil, false
	}
	return answer.raw, true
}

// loaded reports whether Redis has the script that a request names by its hash.
// If not the answer is an error, and the client sends the script itself.
func (p *crashProxy) loaded(req request) bool {
	if req.command() != "EVALSHA" {
		return true
	}
	has, err := p.redis.Client().ScriptExists(context.Background(), req.args[1]).Result()
	return err == nil && len(has) == 1 && has[0]
}

// emptied reports whether the program is told that the queue is empty.
func (p *crashProxy) emptied(op string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return op == takeEvent && p.noEvents || op == takeDelivery && p.noDeliveries
}

// show says what the program is to see of the queues.
func (p *crashProxy) show(what shown) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.oneEvent = what == anEvent
	p.noEvents, p.noDeliveries = what == deliveries, what == anEvent
}

// would reports whether the request has anything to do.
func (p *crashProxy) would(req request, op operation) bool {
	ctx, rdb := context.Background(), p.redis.Client()
	switch op.name {
	case takeEvent, takeDelivery:
		return rdb.LLen(ctx, req.key(0)).Val() > 0
	case dueDelivery:
		return rdb.ZCount(ctx, req.key(0), "-inf", strconv.FormatInt(time.Now().Unix(), 10)).Val() > 0
	case takeOpen:
		return rdb.ZCount(ctx, req.key(0), "-inf", req.rest()[0]).Val() > 0
	case mendEvent, mendDelivery:
		queue, _, _ := strings.Cut(req.key(0), ":pending")
		return len(misplaced(ctx, rdb, queue)) > 0
	}
	return true
}

// did reports whether the request has done anything.
func (a redisReply) did(op operation) bool {
	switch op.name {
	case takeEvent, takeDelivery:
		return !a.null
	case dueDelivery:
		return a.number > 0
	case takeOpen:
		return !bytes.HasPrefix(a.raw, []byte("*0"))
	case mendEvent, mendDelivery:
		return bytes.Contains(a.raw, []byte(":2\r\n"))
	}
	return a.raw[0] != '-'
}

// misplaced lists the tasks that are in no list of their queue.
func misplaced(ctx context.Context, rdb *redis.Client, queue string) (ids []string) {
	listed := map[string]bool{}
	for _, state := range []string{"pending", "active"} {
		for _, id := range rdb.LRange(ctx, queue+":"+state, 0, -1).Val() {
			listed[id] = true
		}
	}
	for _, state := range []string{"scheduled", "retry", "archived"} {
		for _, id := range rdb.ZRange(ctx, queue+":"+state, 0, -1).Val() {
			listed[id] = true
		}
	}
	for _, key := range rdb.Keys(ctx, queue+":t:*").Val() {
		if id := strings.TrimPrefix(key, queue+":t:"); !listed[id] {
			ids = append(ids, id)
		}
	}
	return ids
}

func (p *crashProxy) isIt() bool {
	p.count++
	return p.count >= p.at.nth
}

// kill ends the program; order is held.
func (p *crashProxy) kill() {
	p.dead = true
	(<-p.victim).kill()
	close(p.fired)
}

// die is a crash that something else than Redis calls for.
func (p *crashProxy) die() {
	p.order.Lock()
	defer p.order.Unlock()
	if !p.dead {
		p.kill()
	}
}

func (p *crashProxy) note(req request, op operation, known bool, answer redisReply) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case !known:
		p.unknown[req.signature()] = true
	case op.name == takeEvent && !answer.null:
		p.noEvents = p.oneEvent
	case op.name == eventDone:
		p.noDeliveries = false
	}
	if known && op.name != "" {
		p.seen[op.name]++
	}
}

// saw returns the names of the operations that have been seen.
func (p *crashProxy) saw() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	var names []string
	for name := range p.seen {
		names = append(names, name)
	}
	return names
}
