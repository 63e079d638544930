package devstack

import (
	"context"
	"fmt"
	"net/http"

	"accessrelay/internal/dashboard"
	"accessrelay/internal/demo"
	"accessrelay/internal/inbox"
	"accessrelay/internal/ops"
	"accessrelay/internal/queue"
	"accessrelay/internal/redisconn"
)

// startInbox also makes the demo: its config holds the inbox's address, and
// the inbox checks signatures with a secret of the config.
func (s *Stack) startInbox(ports Ports) error {
	mux := http.NewServeMux()
	var err error
	if s.URLs.Inbox, err = s.serve("inbox", ports.Inbox, mux); err != nil {
		return err
	}
	mail, err := inbox.ListenMail(addr(ports.Mail), s.log)
	if err != nil {
		return fmt.Errorf("inbox: %w", err)
	}
	s.lifecycle.Add("mail listener", mail.Shutdown)
	s.URLs.Mail = mail.Addr()
	s.making.Lock()
	s.Demo, err = demo.Prepare(demo.Plan{
		ConfigDir: s.dir, WorkerDir: s.dir, SenderDir: s.dir, InboxURL: s.URLs.Inbox, MailAddr: s.URLs.Mail,
	})
	s.making.Unlock()
	if err != nil {
		return err
	}
	in, err := inbox.New(inbox.Config{
		Secrets: s.Demo.Secrets(),
		Links:   []inbox.Link{{Name: "Queues", URL: s.URLs.Dashboard}},
	})
	if err != nil {
		return fmt.Errorf("inbox: %w", err)
	}
	// Before its server is shut down: open pages would hold that up.
	s.lifecycle.Add("inbox", func(context.Context) error { in.Close(); return nil })
	mux.Handle("/", in)
	mail.Serve(in)
	s.watch("mail", mail.Failed())
	return nil
}

func (s *Stack) startDashboard(port int, redisURL string) error {
	rdb, err := redisconn.Open(redisURL)
	if err != nil {
		return fmt.Errorf("dashboard: %w", err)
	}
	s.lifecycle.Add("redis of the dashboard", func(context.Context) error { return rdb.Close() })
	h, err := dashboard.New(dashboard.Config{Redis: queue.ConnOpt(rdb)})
	if err != nil {
		return err
	}
	s.URLs.Dashboard, err = s.serve("dashboard", port, h)
	return err
}

// serve starts a listener and returns its URL.
func (s *Stack) serve(name string, port int, h http.Handler) (string, error) {
	server := ops.NewServer(name, addr(port), h, s.log)
	if err := server.Start(); err != nil {
		return "", err
	}
	s.lifecycle.Add(name+" listener", server.Shutdown)
	s.watch(name, server.Failed())
	return "http://" + server.Addr(), nil
}
