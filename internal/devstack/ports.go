package devstack

import (
	"errors"
	"fmt"
	"net"
	"strconv"
	"syscall"
)

// Ports are those of 127.0.0.1 that a stack listens on; 0 takes a free one.
type Ports struct {
	Hooks, API, Dashboard, Inbox, Mail, IngestOps, WorkerOps int
}

// DefaultPorts are those of the programs themselves, and of deploy/compose.yaml.
var DefaultPorts = Ports{Hooks: 8080, API: 8081, Dashboard: 8082, Inbox: 8083, Mail: 8084, IngestOps: 9090, WorkerOps: 9091}

func addr(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }

// check tries all ports before anything is started, so that the message can
// name the flag of relayctl dev that helps.
func (p Ports) check() error {
	var held []net.Listener // until all are tried: two flags may name one port
	defer func() {
		for _, ln := range held {
			_ = ln.Close()
		}
	}()
	for _, l := range []struct {
		flag string
		port int
	}{
		{"hooks-port", p.Hooks}, {"api-port", p.API}, {"dashboard-port", p.Dashboard}, {"inbox-port", p.Inbox}, {"mail-port", p.Mail},
		{"ingest-ops-port", p.IngestOps}, {"worker-ops-port", p.WorkerOps},
	} {
		ln, err := net.Listen("tcp", addr(l.port))
		switch {
		case errors.Is(err, syscall.EADDRINUSE):
			return fmt.Errorf("--%s: %s is taken: give another one, or --free-ports for free ones everywhere", l.flag, addr(l.port))
		case err != nil:
			return fmt.Errorf("--%s: %w", l.flag, err)
		}
		held = append(held, ln)
	}
	return nil
}
