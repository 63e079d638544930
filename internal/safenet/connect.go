package safenet

import (
	"context"
	"errors"
	"fmt"
	"net"
	"syscall"
	"time"
)

// headStart is how long the addresses of one family are tried before those of
// the other join in: RFC 8305 (Happy Eyeballs) recommends 250 ms, net.Dialer takes 300.
const headStart = 300 * time.Millisecond

// dialer returns how p connects to "host:port". The name is looked up once. A
// tenant's host is refused if any of its addresses is: whoever mixes the inside
// into a public name's answers wants it to be dialled one day. Of the operator's
// own hosts those addresses are dialled that may be. What was looked up is judged
// once more at the dial itself.
func (p Policy) dialer(o Options, plain bool) func(ctx context.Context, network, address string) (net.Conn, error) {
	d := &net.Dialer{
		KeepAlive: keepAlive,
		ControlContext: func(_ context.Context, network, address string, _ syscall.RawConn) error {
			if err := p.checkTarget(network, address, plain); err != nil {
				return err
			}
			if o.connecting != nil {
				return o.connecting(address)
			}
			return nil
		},
	}
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		ctx, cancel := context.WithTimeout(ctx, dialTimeout)
		defer cancel()
		host, port, err := net.SplitHostPort(address)
		if err != nil {
			return nil, fmt.Errorf("reading the address: %w", err)
		}
		addrs, err := o.Resolver.LookupNetIP(ctx, "ip", host) // a nil *Resolver is the system's
		if err != nil {
			return nil, fmt.Errorf("looking up the host: %w", err)
		}
		var first, rest []string // by family, in the order of the answer
		for _, a := range addrs {
			a = a.Unmap()
			if err := p.check(a, plain); err != nil && !p.Operator {
				return nil, err
			}
			target := net.JoinHostPort(a.String(), port)
			if a.Is4() == addrs[0].Unmap().Is4() {
				first = append(first, target)
			} else {
				rest = append(rest, target)
			}
		}
		return race(ctx, d, network, first, rest)
	}
}

// race connects to the first address that answers. The addresses of the second
// list join in after the head start, or when the first are done.
func race(ctx context.Context, d *net.Dialer, network string, first, second []string) (net.Conn, error) {
	ctx, cancel := context.WithCancel(ctx)
	type outcome struct {
		conn net.Conn
		err  error
	}
	done := make(chan outcome, 2)
	firstDone := make(chan struct{})
	try := func(targets []string) {
		conn, err := inTurn(ctx, d, network, targets)
		done <- outcome{conn, err}
	}
	go func() {
		try(first)
		close(firstDone)
	}()
	lanes := 1
	if len(second) > 0 {
		lanes = 2
		go func() {
			wait := time.NewTimer(headStart)
			defer wait.Stop()
			select {
			case <-wait.C:
			case <-firstDone:
			case <-ctx.Done():
			}
			try(second)
		}()
	}
	var errs [2]error
	for i := range lanes {
		o := <-done
		if o.err == nil {
			cancel()
			if i+1 < lanes { // who comes second is not needed
				if late := <-done; late.err == nil {
					_ = late.conn.Close()
				}
			}
			return o.conn, nil
		}
		errs[i] = o.err
	}
	cancel()
	return nil, telling(errs[:lanes])
}

// inTurn tries one address after the other, each for its part of the time left.
func inTurn(ctx context.Context, d *net.Dialer, network string, targets []string) (net.Conn, error) {
	var errs []error
	for i, target := range targets {
		part, cancel := ctx, context.CancelFunc(func() {})
		if end, ok := ctx.Deadline(); ok {
			part, cancel = context.WithTimeout(ctx, time.Until(end)/time.Duration(len(targets)-i))
		}
		conn, err := d.DialContext(part, network, target)
		cancel()
		if err == nil {
			return conn, nil
		}
		errs = append(errs, err)
	}
	return nil, telling(errs)
}

// telling is the error to tell of several: where an address was good and did not
// answer, that is it, for it may answer later. The guard's is for hosts of which
// none may be dialled.
func telling(errs []error) error {
	for _, err := range errs {
		var blocked *BlockedError
		if !errors.As(err, &blocked) {
			return err
		}
	}
	return errs[0]
}
