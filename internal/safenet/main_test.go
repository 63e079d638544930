package safenet

import (
	"context"
	"encoding/binary"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fakeDNS is a name server on loopback. It answers a name's next list of
// addresses each time, the last list again and again, and other names with
// loopback: what a resolver that reads 0x7f.1 as inet_aton does would say.
type fakeDNS struct {
	mu     sync.Mutex
	names  map[string][][]netip.Addr
	asked  map[string]int
	conn   net.PacketConn
	closed chan struct{}
}

func startDNS(t *testing.T, names map[string][][]netip.Addr) *net.Resolver {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	d := &fakeDNS{names: names, asked: map[string]int{}, conn: conn, closed: make(chan struct{})}
	go d.serve()
	t.Cleanup(func() { _ = conn.Close(); <-d.closed })
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		var dialer net.Dialer
		return dialer.DialContext(ctx, "udp", conn.LocalAddr().String())
	}}
}

func (d *fakeDNS) serve() {
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

func (d *fakeDNS) answer(q []byte) []byte {
	const header, typeA, typeAAAA = 12, 1, 28
	var labels []string
	at := header
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
	name, qtype := strings.Join(labels, "."), binary.BigEndian.Uint16(q[at:])

	out := append([]byte(nil), q[:at+4]...)
	copy(out[2:], []byte{0x81, 0x80, 0, 1, 0, 0, 0, 0, 0, 0}) // a reply, one question
	for _, a := range d.lookup(name, qtype == typeA) {
		b := a.AsSlice()
		if (len(b) == 4) != (qtype == typeA) || (qtype != typeA && qtype != typeAAAA) {
			continue
		}
		out = append(out, 0xc0, header) // the question's name
		out = binary.BigEndian.AppendUint16(out, qtype)
		out = append(out, 0, 1, 0, 0, 0, 0) // IN, not to be kept
		out = binary.BigEndian.AppendUint16(out, uint16(len(b)))
		out = append(out, b...)
		out[7]++
	}
	return out
}

func (d *fakeDNS) lookup(name string, advance bool) []netip.Addr {
	d.mu.Lock()
	defer d.mu.Unlock()
	lists, ok := d.names[name]
	if !ok {
		return []netip.Addr{netip.MustParseAddr("127.0.0.1"), netip.MustParseAddr("::1")}
	}
	i := min(d.asked[name], len(lists)-1)
	if advance {
		d.asked[name]++
	}
	return lists[i]
}
