package main

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"accessrelay/internal/redisserver"
	"accessrelay/internal/secret"
	"accessrelay/internal/sender"
	"accessrelay/internal/source/p0"
)

// rig is everything around the two programs.
type rig struct {
	opts      options
	dir       string
	config    string
	hooksAddr string
	token     string
	redis     *redisserver.Server
	sink      *sink
	programs  []*program
}

func newRig(ctx context.Context, o options) (*rig, error) {
	dir, err := os.MkdirTemp("", "accessrelay-million-")
	if err != nil {
		return nil, fmt.Errorf("making a folder: %w", err)
	}
	r := &rig{opts: o, dir: dir, config: filepath.Join(dir, "accessrelay.yaml")}
	if err := r.prepare(ctx); err != nil {
		r.close()
		return nil, err
	}
	return r, nil
}

func (r *rig) prepare(ctx context.Context) (err error) {
	if r.redis, err = redisserver.Start(ctx, redisserver.Options{Dir: r.dir}); err != nil {
		return fmt.Errorf("starting Redis: %w", err)
	}
	if r.sink, err = newSink(r.opts.events); err != nil {
		return err
	}
	if r.hooksAddr, err = freeAddr(); err != nil {
		return err
	}
	key, err := sender.NewP0Key()
	if err != nil {
		return err
	}
	signer, err := sender.NewSigner(key)
	if err != nil {
		return err
	}
	if r.token, err = signer.Token(sender.Claims{TTL: 24 * time.Hour}, time.Now()); err != nil {
		return err
	}
	public, err := signer.PublicPEM()
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(r.dir, "key.pem"), public, 0o600); err != nil {
		return fmt.Errorf("writing the key: %w", err)
	}
	text := `
tenants:
  - id: 8d5b2c1e-3f4a-4a57-9d7e-2f6b1c0a9e11
    name: million
    sources: [{id: million-p0, platform: p0, auth: {jwt: {key_file: key.pem}}}]
    channels: [{name: sink, type: generic-webhook, config: {url: "` + r.sink.url + `"}}]
`
	if err := os.WriteFile(r.config, []byte(text), 0o600); err != nil {
		return fmt.Errorf("writing the config: %w", err)
	}
	return nil
}

func (r *rig) close() {
	for _, p := range r.programs {
		p.stop()
	}
	if r.sink != nil {
		r.sink.close()
	}
	if r.redis != nil {
		_ = r.redis.Close()
	}
	_ = os.RemoveAll(r.dir)
}

// sendAll has all events accepted and returns the bytes of their bodies.
func (r *rig) sendAll(ctx context.Context, c *course) (bytes float64, err error) {
	client, err := sender.New("http://"+r.hooksAddr+"/v1/hooks/million-p0", sender.Bearer(secret.New(r.token)))
	if err != nil {
		return 0, err
	}
	defer client.Close()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var (
		next, sum atomic.Int64
		wg        sync.WaitGroup
		body      = p0.New().Samples()[0].Body
	)
	for range r.opts.senders {
		wg.Go(func() {
			for n := next.Add(1); n <= int64(r.opts.events) && ctx.Err() == nil; n = next.Add(1) {
				b := body(fmt.Sprintf("%08d", n))
				if err := send(ctx, client, b); err != nil {
					cancel(err)
					return
				}
				sum.Add(int64(len(b)))
				c.done.Add(1)
			}
		})
	}
	wg.Wait()
	return float64(sum.Load()), context.Cause(ctx)
}

// send sends one event until it is accepted: under this load Redis may be late.
func send(ctx context.Context, s *sender.Client, body []byte) error {
	for deadline := time.Now().Add(stuck); ; {
		a, err := s.Send(ctx, body)
		if err == nil && a.OK() {
			return nil
		}
		if err == nil && a.Status != http.StatusServiceUnavailable {
			return fmt.Errorf("an event was refused: %d %s", a.Status, a.Message)
		}
		if ctx.Err() != nil || time.Now().After(deadline) {
			return fmt.Errorf("an event was not accepted within %v: %d %s: %w", stuck, a.Status, a.Message, err)
		}
		select {
		case <-ctx.Done():
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// redisMemory is what Redis uses, in bytes.
func (r *rig) redisMemory(ctx context.Context) (int64, error) {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", r.redis.Addr())
	if err != nil {
		return 0, fmt.Errorf("asking Redis for its memory: %w", err)
	}
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(startTimeout))
	if _, err := fmt.Fprint(conn, "INFO memory\r\nQUIT\r\n"); err != nil {
		return 0, fmt.Errorf("asking Redis for its memory: %w", err)
	}
	for lines := bufio.NewScanner(conn); lines.Scan(); {
		if v, ok := strings.CutPrefix(lines.Text(), "used_memory:"); ok {
			return strconv.ParseInt(strings.TrimSpace(v), 10, 64)
		}
	}
	return 0, fmt.Errorf("asking Redis for its memory: no used_memory in the answer")
}
