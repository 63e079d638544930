package devstack

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"

	"accessrelay/internal/demo"
	"accessrelay/internal/event"
	"accessrelay/internal/sender"
)

// poll is how often a receipt is asked for.
const poll = 20 * time.Millisecond

// Report is what became of the samples.
type Report struct {
	Sent      int
	Delivered int // over all channels
	Took      time.Duration
}

// SendSamples sends one of each sample of every source and waits until all
// have been delivered to all channels, at most until the end of ctx.
func (s *Stack) SendSamples(ctx context.Context) (Report, error) {
	start := time.Now()
	var report Report
	var ids []string
	sources, err := s.Demo.Sources(noVariables)
	if err != nil {
		return report, err
	}
	for _, src := range sources {
		sent, err := s.sendFrom(ctx, src)
		if err != nil {
			return report, fmt.Errorf("samples of %s: %w", src.ID, err)
		}
		ids = append(ids, sent...)
	}
	report.Sent = len(ids)
	for _, id := range ids {
		n, err := s.awaitDelivery(ctx, id)
		if err != nil {
			return report, fmt.Errorf("event %s: %w", id, err)
		}
		report.Delivered += n
	}
	report.Took = time.Since(start)
	return report, nil
}

func (s *Stack) sendFrom(ctx context.Context, src demo.Source) ([]string, error) {
	client, err := sender.New(s.URLs.HookURL(src.ID), src.Credentials)
	if err != nil {
		return nil, err
	}
	defer client.Close()
	var ids []string
	for _, smp := range src.Samples {
		answer, err := client.Send(ctx, smp.Body(rand.Text()))
		switch {
		case err != nil:
			return nil, fmt.Errorf("sending %s: %w", smp.Name, err)
		case !answer.OK():
			return nil, fmt.Errorf("sending %s: answered %d: %s", smp.Name, answer.Status, answer.Message)
		}
		ids = append(ids, answer.EventID)
	}
	return ids, nil
}

// receipt is what is read of the API's answer.
type receipt struct {
	Status     event.Status `json:"status"`
	Deliveries []struct {
		ChannelName string `json:"channel_name"`
		LastError   string `json:"last_error"`
	} `json:"deliveries"`
}

// awaitDelivery returns how many deliveries an event had once all are made.
func (s *Stack) awaitDelivery(ctx context.Context, id string) (int, error) {
	client := &http.Client{Transport: &http.Transport{}} // nothing between us and loopback
	defer client.CloseIdleConnections()
	ticker := time.NewTicker(poll)
	defer ticker.Stop()
	for {
		r, err := s.receipt(ctx, client, id)
		switch {
		case err != nil:
			return 0, err
		case r.Status == event.StatusDelivered:
			return len(r.Deliveries), nil
		case r.Status != event.StatusAccepted && r.Status != event.StatusPending:
			return 0, fmt.Errorf("is %s, not delivered", r.Status)
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return 0, fmt.Errorf("is still %s%s: %w", r.Status, r.lastError(), ctx.Err())
		}
	}
}

func (r *receipt) lastError() string {
	for _, d := range r.Deliveries {
		if d.LastError != "" {
			return fmt.Sprintf(" (%s: %s)", d.ChannelName, d.LastError)
		}
	}
	return ""
}

func (s *Stack) receipt(ctx context.Context, client *http.Client, id string) (*receipt, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.URLs.API+"/v1/events/"+id, http.NoBody)
	if err != nil {
		return nil, fmt.Errorf("asking for the receipt: %w", err)
	}
	req.Header.Set("X-API-Key", s.Demo.APIKey.Reveal())
	req.Header.Set("X-Tenant-ID", demo.TenantID)
	resp, err := client.Do(req)
	if err != nil {
		return nil, fmt.Errorf("asking for the receipt: %w", err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err != nil {
		return nil, fmt.Errorf("reading the receipt: %w", err)
	}
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("asking for the receipt: answered %d", resp.StatusCode)
	}
	var r receipt
	if err := json.Unmarshal(body, &r); err != nil {
		return nil, fmt.Errorf("reading the receipt: %w", err)
	}
	return &r, nil
}
