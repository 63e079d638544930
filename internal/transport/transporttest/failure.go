package transporttest

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"testing"
	"time"

	"accessrelay/internal/channel"
	"accessrelay/internal/safenet"
	"accessrelay/internal/transport"
)

// shortTime is what an attempt may take at a destination that hangs.
const shortTime = 50 * time.Millisecond

func (s suite) orders(t *testing.T) {
	for o, w := range s.Protocol.orders {
		t.Run(string(o), func(t *testing.T) {
			sc := s.stage(t)
			sc.obey(o)
			s.check(t, sc.send(t.Context(), t, Event()), w)
			if n := sc.connections(); n > 1 { // the retry is the relay's business
				t.Errorf("%d connections for one attempt", n)
			}
		})
	}
}

func (s suite) outcomes(t *testing.T) {
	if len(s.Protocol.outcomes) < 20 {
		t.Errorf("only %d outcomes", len(s.Protocol.outcomes))
	}
	for _, o := range s.Protocol.outcomes {
		t.Run(o.name, func(t *testing.T) {
			sc := s.stage(t)
			sc.obey(o.script)
			err := sc.send(t.Context(), t, Event())
			s.check(t, err, o.want)
			if err != nil && !strings.Contains(err.Error(), o.tells) {
				t.Errorf("the error does not tell %q: %v", o.tells, err)
			}
		})
	}
}

func (s suite) hangs(t *testing.T) {
	for _, o := range []order{hangBefore, hangAfter} {
		sc := s.stage(t)
		sc.obey(o)
		ctx, cancel := context.WithTimeout(t.Context(), shortTime)
		begun := time.Now()
		err := sc.send(ctx, t, Event())
		cancel()
		s.check(t, err, retry("timeout"))
		if errors.Is(err, context.Canceled) {
			t.Error("a time-out passes for a stop")
		}
		if took := time.Since(begun); took > 5*time.Second {
			t.Errorf("%s: %v after a time-out of %v", o, took, shortTime)
		}
	}
}

func (s suite) cancelled(t *testing.T) {
	for _, o := range []order{hangBefore, hangAfter} {
		sc := s.stage(t)
		sc.obey(o)
		ctx, cancel := context.WithCancel(t.Context())
		go func() {
			select {
			case <-sc.hanging():
			case <-time.After(20 * time.Second):
			}
			cancel()
		}()
		begun := time.Now()
		err := sc.send(ctx, t, Event())
		s.check(t, err, retry("connection"))
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%v is not context.Canceled", err)
		}
		if took := time.Since(begun); took > 10*time.Second {
			t.Errorf("%s: it took %v to stop", o, took)
		}
		conns := sc.connections()

		err = sc.send(ctx, t, Event())
		s.check(t, err, retry("connection").unsent())
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%v is not context.Canceled", err)
		}
		if sc.connections() != conns {
			t.Error("connected although stopped before")
		}
	}
}

func (s suite) tooLate(t *testing.T) {
	sc := s.stage(t)
	ctx, cancel := context.WithTimeout(t.Context(), -time.Second)
	defer cancel()
	s.check(t, sc.send(ctx, t, Event()), retry("timeout").unsent())
	if sc.connections() != 0 {
		t.Error("connected although the time was over")
	}
}

func (s suite) refused(t *testing.T) {
	sc := s.stage(t)
	sc.stop()
	err := sc.send(t.Context(), t, Event())
	s.check(t, err, retry("connection"))
	if err != nil && !strings.Contains(err.Error(), "connection refused") {
		t.Errorf("the error does not say what happened: %v", err)
	}
}

func (s suite) tls(t *testing.T) {
	tests := []struct {
		security security
		text     string
	}{
		{unknownCA, "unknown authority"},
		{wrongName, "another host name"},
		{expired, "expired"},
		{oldVersion, "TLS"},
	}
	sc := s.stageTLS(t, good)
	s.check(t, sc.send(t.Context(), t, Event()), want{})
	if len(sc.messages()) != 1 {
		t.Error("nothing arrived with a good certificate")
	}
	for _, tt := range tests {
		t.Run(string(tt.security), func(t *testing.T) {
			sc := s.stageTLS(t, tt.security)
			err := sc.send(t.Context(), t, Event())
			s.check(t, err, retry("tls"))
			if err != nil && !strings.Contains(err.Error(), tt.text) {
				t.Errorf("the error does not tell %q: %v", tt.text, err)
			}
			if n := len(sc.messages()); n != 0 {
				t.Errorf("%d messages arrived", n)
			}
		})
	}
	t.Run(string(plainAnswer), func(t *testing.T) {
		sc := s.stageTLS(t, plainAnswer)
		s.check(t, sc.send(t.Context(), t, Event()), retry("tls"))
		if n := len(sc.messages()); n != 0 {
			t.Errorf("%d messages arrived in the clear", n)
		}
	})
}

func (s suite) guard(t *testing.T) {
	sc := s.stage(t)
	for _, by := range []channel.ManagedBy{channel.ManagedByAPI, ""} { // nobody's word: no more trusted than a tenant's
		sc.ch.ManagedBy = by
		s.check(t, sc.send(t.Context(), t, Event()), dead("address_blocked").unsent())
	}
	if n := sc.connections(); n != 0 {
		t.Errorf("%d connections got past the guard", n)
	}
}

// What was opened under one policy is not used under the next.
func (s suite) policy(t *testing.T) {
	sc := s.stage(t)
	s.check(t, sc.send(t.Context(), t, Event()), want{})
	conns := sc.connections()
	sc.net.Operator.SetPolicy(safenet.Policy{})
	s.check(t, sc.send(t.Context(), t, Event()), dead("address_blocked").unsent())
	if n := len(sc.messages()); n != 1 || sc.connections() != conns {
		t.Errorf("%d messages over %d connections", n, sc.connections())
	}
	sc.net.Operator.SetPolicy(safenet.Policy{Operator: true})
	s.check(t, sc.send(t.Context(), t, Event()), want{})
}

func (s suite) noConfig(t *testing.T) {
	tr := s.New(newNetwork(t, nil))
	cause := errors.New("the identity is missing")
	for _, c := range []error{nil, cause} {
		ch := &channel.Channel{Type: tr.Type(), Enabled: true, ConfigErr: c}
		err := s.try(t.Context(), t, tr, ch, Event())
		s.check(t, err, dead("channel_config").unsent())
		if c != nil && !errors.Is(err, c) {
			t.Errorf("%v does not tell why there is no config", err)
		}
	}
	ch := s.channel(t, tr, Place{Host: "127.0.0.1", Port: 1})
	ch.Config = otherConfig{}
	s.check(t, s.try(t.Context(), t, tr, ch, Event()), dead("channel_config").unsent())
}

// otherConfig is of no type that any transport knows.
type otherConfig struct{ channel.Config }

func (s suite) leaks(t *testing.T) {
	before := runtime.NumGoroutine()
	t.Run("attempts", func(t *testing.T) {
		for o := range s.Protocol.orders {
			sc := s.stage(t)
			sc.obey(o)
			_ = sc.send(t.Context(), t, Event())
		}
		for _, o := range []order{hangBefore, hangAfter} {
			sc := s.stage(t)
			sc.obey(o)
			ctx, cancel := context.WithTimeout(t.Context(), shortTime)
			_ = sc.send(ctx, t, Event())
			cancel()
		}
		sc := s.stageTLS(t, unknownCA)
		if err := sc.send(t.Context(), t, Event()); transport.AsSendError(err).Reason != transport.ReasonTLS {
			t.Errorf("%v", err)
		}
	})
	for deadline := time.Now().Add(5 * time.Second); runtime.NumGoroutine() > before; {
		if time.Now().After(deadline) {
			stacks := make([]byte, 1<<20)
			t.Fatalf("%d goroutines, before %d:\n%s", runtime.NumGoroutine(), before, stacks[:runtime.Stack(stacks, true)])
		}
		time.Sleep(time.Millisecond)
	}
}
