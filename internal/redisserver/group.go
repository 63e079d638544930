package redisserver

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// group is servers that belong together.
type group struct {
	dir string
	own bool
	all []*Server
}

func newGroup(o Options) (group, error) {
	dir, own, err := home(o.Dir)
	if err != nil {
		return group{}, err
	}
	return group{dir: dir, own: own}, nil
}

// add makes a server in a directory of its own, not yet started. With conf it
// gets a configuration file of these lines.
func (g *group) add(name string, args []string, conf ...string) (*Server, error) {
	s := &Server{name: name, dir: filepath.Join(g.dir, name), args: args}
	if err := os.Mkdir(s.dir, 0o700); err != nil {
		return nil, fmt.Errorf("making a directory for %s: %w", name, err)
	}
	if len(conf) > 0 {
		if err := os.WriteFile(s.confPath(), []byte(strings.Join(conf, "\n")+"\n"), 0o600); err != nil {
			return nil, fmt.Errorf("writing the configuration of %s: %w", name, err)
		}
	}
	g.all = append(g.all, s)
	return s, nil
}

// close kills all servers and deletes what is the group's own.
func (g *group) close() error {
	err := each(g.all, (*Server).Close)
	if !g.own {
		return err
	}
	if rm := os.RemoveAll(g.dir); rm != nil && err == nil {
		err = fmt.Errorf("deleting the servers' directory: %w", rm)
	}
	return err
}

func launchAll(ctx context.Context, servers []*Server) error {
	return each(servers, func(s *Server) error { return s.launch(ctx) })
}

// addrs are the servers' addresses, as a URL lists them.
func addrs(servers []*Server) string {
	var out []string
	for _, s := range servers {
		out = append(out, s.Addr())
	}
	return strings.Join(out, ",")
}

// at finds the server with that address; nil if it is none of ours.
func at(servers []*Server, addr string) *Server {
	for _, s := range servers {
		if s.Addr() == addr {
			return s
		}
	}
	return nil
}
