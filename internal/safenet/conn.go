package safenet

import (
	"context"
	"errors"
	"net"
	"time"
)

const keepAlive = 30 * time.Second

// interrupt makes what is read from and written to c end with ctx, until the
// returned function is called; from then on c has no deadline.
func interrupt(ctx context.Context, c net.Conn) (release func()) {
	done := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(done)
		_ = c.SetDeadline(time.Unix(1, 0)) // a closed connection has nothing left to end
	})
	return func() {
		if !stop() {
			<-done
		}
		_ = c.SetDeadline(time.Time{})
	}
}

// bounded reads at most left bytes.
type bounded struct {
	net.Conn
	left int
}

func (b *bounded) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, errors.New("the proxy's answer is too long")
	}
	n, err := b.Conn.Read(p[:min(len(p), b.left)])
	b.left -= n
	return n, err
}

// readAhead is a connection of which some bytes have been read.
type readAhead struct {
	net.Conn
	ahead []byte
}

func (r *readAhead) Read(p []byte) (int, error) {
	if len(r.ahead) > 0 {
		n := copy(p, r.ahead)
		r.ahead = r.ahead[n:]
		return n, nil
	}
	return r.Conn.Read(p)
}
