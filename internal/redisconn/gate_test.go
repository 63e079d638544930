package redisconn

import (
	"errors"
	"log/slog"
	"strings"
	"testing"

	"accessrelay/internal/redistest"
)

func TestAdmit(t *testing.T) {
	log := slog.New(slog.DiscardHandler)
	t.Run("suitable, gone, back", func(t *testing.T) {
		s := redistest.Start(t)
		g, err := Admit(t.Context(), s.Client(), Terms{}, log)
		if err != nil {
			t.Fatal(err)
		}
		s.Kill()
		if g.Check(t.Context()) == nil {
			t.Error("ready without Redis")
		}
		s.Restart()
		if err := g.Check(t.Context()); err != nil {
			t.Errorf("not ready although Redis is back: %v", err)
		}
	})
	t.Run("evicts", func(t *testing.T) {
		s := redistest.Start(t, "--maxmemory-policy", "allkeys-lru")
		if _, err := Admit(t.Context(), s.Client(), Terms{}, log); !errors.Is(err, ErrUnsuitable) {
			t.Errorf("got %v, want ErrUnsuitable", err)
		}
		if _, err := Admit(t.Context(), s.Client(), Terms{Embedded: true}, log); err != nil {
			t.Errorf("embedded: %v", err)
		}
	})
	t.Run("evicts from now on", func(t *testing.T) {
		s := redistest.Start(t)
		for _, role := range []Role{Ingest, Worker} {
			g, err := Admit(t.Context(), s.Client(), Terms{Role: role}, log)
			if err != nil {
				t.Fatal(err)
			}
			for policy, ready := range map[string]bool{"allkeys-lru": false, "noeviction": true} {
				if err := s.Client().ConfigSet(t.Context(), "maxmemory-policy", policy).Err(); err != nil {
					t.Fatal(err)
				}
				if err := g.Check(t.Context()); (err == nil) != ready || (err != nil && !strings.Contains(err.Error(), "maxmemory-policy is allkeys-lru")) {
					t.Errorf("role %d, %s: %v", role, policy, err)
				}
			}
			s.Client().ConfigSet(t.Context(), "maxmemory-policy", "noeviction")
		}
	})
	t.Run("refuses the password", func(t *testing.T) {
		s := redistest.Start(t)
		if err := s.Client().ConfigSet(t.Context(), "requirepass", "right").Err(); err != nil {
			t.Fatal(err)
		}
		for _, url := range []string{"redis://" + s.Addr(), "redis://:wr0ng@" + s.Addr()} {
			rdb, err := Open(url)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = rdb.Close() }()
			_, err = Admit(t.Context(), rdb, Terms{}, log)
			if !errors.Is(err, ErrUnsuitable) || strings.Contains(err.Error(), "wr0ng") {
				t.Errorf("got %v, want ErrUnsuitable without the password", err)
			}
		}
	})
	t.Run("not there at the start, and unsuitable when it comes", func(t *testing.T) {
		s := redistest.Start(t, "--maxmemory-policy", "allkeys-lru")
		s.Kill()
		g, err := Admit(t.Context(), s.Client(), Terms{}, log)
		if err != nil {
			t.Fatalf("a Redis that does not answer yet: %v", err)
		}
		s.Restart()
		if err := g.Check(t.Context()); !errors.Is(err, ErrUnsuitable) {
			t.Errorf("got %v, want ErrUnsuitable", err)
		}
	})
}
