package relayctl

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"

	"accessrelay/internal/ops"
)

// page is something to look at in a browser.
type page struct {
	name    string
	addr    string
	handler http.Handler
	close   func() // before the server is shut down; may be nil
}

// serve serves p until ctx ends.
func (p page) serve(ctx context.Context, t *Terminal) error {
	log, err := ops.NewLogger(t.Err, "warn", "text")
	if err != nil {
		return err
	}
	server := ops.NewServer(p.name, p.addr, p.handler, log)
	if err := server.Start(); err != nil {
		return fmt.Errorf("--addr: %w", errors.Unwrap(err)) // which names a flag of the daemons
	}
	fmt.Fprintf(t.Out, "%s: http://%s\n", p.name, browsable(server.Addr()))
	select {
	case <-ctx.Done():
	case err = <-server.Failed():
	}
	if p.close != nil {
		p.close()
	}
	stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
	defer cancel()
	if stopErr := server.Shutdown(stopping); err == nil {
		err = stopErr
	}
	return err
}

// browsable turns the address of every interface into one to type.
func browsable(addr string) string {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return addr
	}
	if ip := net.ParseIP(host); ip != nil && ip.IsUnspecified() {
		return net.JoinHostPort("127.0.0.1", port)
	}
	return addr
}

// checkAddr refuses what is no address.
func checkAddr(flag, addr string) error {
	if _, _, err := net.SplitHostPort(addr); err != nil {
		return badUsage("--%s: %q is not an address such as :8083 or 127.0.0.1:8083", flag, addr)
	}
	return nil
}

// isLoopback reports whether only this machine can reach addr.
func isLoopback(addr string) bool {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return false
	}
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}
