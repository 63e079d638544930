package safenettest

import (
	"context"
	"encoding/binary"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
)

// Names are what a name server answers, by lower-case name: the next list of
// addresses each time it is asked, the last again and again. A name that is not
// there is loopback: what a resolver that reads 0x7f.1 as inet_aton does would say.
type Names map[string][][]netip.Addr

// Addrs reads addresses.
func Addrs(ss ...string) []netip.Addr {
	out := make([]netip.Addr, len(ss))
	for i, s := range ss {
		out[i] = netip.MustParseAddr(s)
	}
	return out
}

// StartDNS starts a name server on loopback and returns a resolver that asks it.
// A name that begins with "alias-of-" is answered with a CNAME to the rest.
func StartDNS(t *testing.T, names Names) *net.Resolver {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	d := &server{names: names, asked: map[string]int{}, conn: conn, closed: make(chan struct{})}
	go d.serve()
	t.Cleanup(func() { _ = conn.Close(); <-d.closed })
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		var dialer net.Dialer
		return dialer.DialContext(ctx, "udp", conn.LocalAddr().String())
	}}
}

type server struct {
	mu     sync.Mutex
	names  Names
	asked  map[string]int
	conn   net.PacketConn
	closed chan struct{}
}

func (d *server) serve() {
	defer close(d.closed)
	buf := make([]byte, 1500)
	for {
		n, from, err := d.conn.ReadFrom(buf)
		if err != nil {
			return
		}
		if reply := d.answer(buf[:n]); reply != nil {
			_, _ = d.conn.WriteTo(reply, from)
		}
	}
}

const (
	headerLen = 12
	typeA     = 1
	typeCNAME = 5
	typeAAAA  = 28
	aliasOf   = "alias-of-"
)

func (d *server) answer(q []byte) []byte {
	var labels []string
	at := headerLen
	for at < len(q) && q[at] != 0 {
		l := int(q[at])
		if at+1+l > len(q) {
			return nil
		}
		labels = append(labels, string(q[at+1:at+1+l]))
		at += 1 + l
	}
	at++
	if at+4 > len(q) {
		return nil
	}
	name, qtype := strings.ToLower(strings.Join(labels, ".")), binary.BigEndian.Uint16(q[at:])

	out := append([]byte(nil), q[:at+4]...)
	copy(out[2:], []byte{0x81, 0x80, 0, 1, 0, 0, 0, 0, 0, 0}) // a reply, one question
	owner := []byte{0xc0, headerLen}                          // the question's name
	if target, ok := strings.CutPrefix(name, aliasOf); ok {
		out = record(out, owner, typeCNAME, wire(target))
		name, owner = target, wire(target)
	}
	for _, a := range d.lookup(name, qtype == typeA) {
		b := a.AsSlice()
		if (len(b) == 4) == (qtype == typeA) && (qtype == typeA || qtype == typeAAAA) {
			out = record(out, owner, qtype, b)
		}
	}
	return out
}

// record appends one to the answers of out.
func record(out, owner []byte, kind uint16, data []byte) []byte {
	out = append(out, owner...)
	out = binary.BigEndian.AppendUint16(out, kind)
	out = append(out, 0, 1, 0, 0, 0, 0) // IN, not to be kept
	out = binary.BigEndian.AppendUint16(out, uint16(len(data)))
	out = append(out, data...)
	out[7]++
	return out
}

// wire writes a name as a message has it.
func wire(name string) []byte {
	var out []byte
	for label := range strings.SplitSeq(name, ".") {
		out = append(append(out, byte(len(label))), label...)
	}
	return append(out, 0)
}

func (d *server) lookup(name string, advance bool) []netip.Addr {
	d.mu.Lock()
	defer d.mu.Unlock()
	lists, ok := d.names[name]
	if !ok {
		return Addrs("127.0.0.1", "::1")
	}
	i := min(d.asked[name], len(lists)-1)
	if advance {
		d.asked[name]++
	}
	return lists[i]
}
