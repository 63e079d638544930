package chaos

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// rig is everything that runs.
type rig struct {
	plan    Plan
	dir     string
	site    *site
	ledger  *ledger
	outages *outages
	store   *store
	unruly  atomic.Bool
	procs   map[string]*process // by slot
	wires   map[string]*wire    // by slot; none where the store cannot be cut off
	sinks   []*sink
	hooks   []string // base URLs of the ingests
	apis    []string
	probes  *http.Client
	ports   ports

	redisBusy sync.Mutex // held by the fault that has it
	saying    sync.Mutex

	mu       sync.Mutex
	oddities []string
}

// strange notes what no fault of ours explains.
func (r *rig) strange(what string) {
	r.mu.Lock()
	r.oddities = append(r.oddities, what)
	r.mu.Unlock()
	r.say("ODD: %s", what)
}

// say is for any goroutine; the writer need not be.
func (r *rig) say(format string, args ...any) {
	r.saying.Lock()
	defer r.saying.Unlock()
	fmt.Fprintf(r.plan.Progress, format+"\n", args...)
}

// newRig starts everything and waits until it is ready. What was started before
// an error is for close to end.
func newRig(ctx context.Context, p Plan, dir string) (*rig, error) {
	site, err := newSite()
	if err != nil {
		return nil, err
	}
	r := &rig{
		plan: p, dir: dir, site: site, ledger: newLedger(site, p.Events), outages: &outages{},
		procs: map[string]*process{}, wires: map[string]*wire{},
		probes: &http.Client{Transport: &http.Transport{DisableKeepAlives: true}},
	}
	file, err := site.write(dir)
	if err != nil {
		return r, err
	}
	if r.store, err = startStore(ctx, p, dir); err != nil {
		return r, err
	}
	for _, slot := range slots("ingest", p.Ingests) {
		if err := r.addIngest(slot, file); err != nil {
			return r, err
		}
	}
	for _, slot := range slots("worker", p.Workers) {
		if err := r.addWorker(slot, file); err != nil {
			return r, err
		}
	}
	for _, proc := range r.procs {
		if err := proc.start(); err != nil {
			return r, err
		}
	}
	err = r.awaitReady(ctx)
	return r, err
}

// common are the flags of both programs.
func (r *rig) common(slot, file string) ([]string, error) {
	url := r.store.URL()
	if addr := r.store.addr(); addr != "" {
		w, err := newWire(addr)
		if err != nil {
			return nil, err
		}
		r.wires[slot] = w
		url = strings.Replace(url, addr, w.addr(), 1)
	}
	args := []string{"--config=" + file, "--redis-url=" + url}
	if level := r.plan.Ack.String(); level != "memory" {
		args = append(args, "--ack="+level)
	}
	return args, nil
}

func (r *rig) addIngest(slot, file string) error {
	args, err := r.common(slot, file)
	if err != nil {
		return err
	}
	addrs := map[string]string{}
	for _, listener := range []string{"hooks", "api", "ops"} {
		port, err := r.ports.free()
		if err != nil {
			return err
		}
		addrs[listener] = "127.0.0.1:" + strconv.Itoa(port)
		args = append(args, "--"+listener+"-addr="+addrs[listener])
	}
	r.hooks = append(r.hooks, "http://"+addrs["hooks"])
	r.apis = append(r.apis, "http://"+addrs["api"])
	return r.add(slot, "ingest", args, addrs["ops"])
}

func (r *rig) addWorker(slot, file string) error {
	args, err := r.common(slot, file)
	if err != nil {
		return err
	}
	sink, err := newSink(slot, r.ledger, &r.unruly)
	if err != nil {
		return err
	}
	r.sinks = append(r.sinks, sink)
	port, err := r.ports.free()
	if err != nil {
		return err
	}
	ops := "127.0.0.1:" + strconv.Itoa(port)
	return r.add(slot, "worker", append(args, "--ops-addr="+ops, "--proxy-url="+sink.url), ops)
}

func (r *rig) add(slot, program string, args []string, ops string) error {
	p, err := newProcess(r.dir, slot, filepath.Join(r.plan.Bin, program), args, probe(r.probes, "http://"+ops+"/readyz"), r.strange)
	if err != nil {
		return err
	}
	r.procs[slot] = p
	return nil
}

// readyTimeout is how long the programs are given to be ready together.
const readyTimeout = 30 * time.Second

func (r *rig) awaitReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	var all error
	for _, p := range r.procs {
		all = errors.Join(all, p.awaitReady(ctx))
	}
	return all
}

// breakThings does all faults at their time, each mended before it returns.
// When ctx ends, what is broken is mended at once.
func (r *rig) breakThings(ctx context.Context, faults []Fault) {
	var wg sync.WaitGroup
	defer wg.Wait()
	begun := time.Now()
	for _, f := range faults {
		if !wait(ctx, time.Until(begun.Add(f.At))) {
			return
		}
		wg.Go(func() { r.inflict(ctx, f) })
	}
}

// wait reports whether d passed before ctx ended.
func wait(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

func (r *rig) inflict(ctx context.Context, f Fault) {
	if f.Targets[0] == redisTarget {
		r.inflictRedis(ctx, f)
		return
	}
	var ends []func()
	for _, t := range f.Targets[1:] {
		end, _ := r.outages.begin(t, f.Kind)
		ends = append(ends, end)
	}
	defer func() {
		for _, end := range ends {
			end()
		}
	}()
	target := f.Targets[0]
	p := r.procs[target]
	p.busy.Lock()
	defer p.busy.Unlock()
	end, _ := r.outages.begin(target, f.Kind)
	defer end()
	switch f.Kind {
	case Kill:
		p.kill()
		end()
		wait(ctx, f.For)
		r.restart(p)
	case Term: // of one that works: before, it does not know the signal yet
		if err := p.awaitReady(ctx); err != nil {
			r.strange("before a clean stop: " + err.Error())
			return
		}
		code, err := p.terminate(40 * time.Second)
		end()
		if err != nil || code != 0 {
			r.strange(fmt.Sprintf("%s, asked to stop, ended with code %d (%v)", target, code, err))
		}
		wait(ctx, f.For)
		r.restart(p)
	case Stop:
		p.signal(syscall.SIGSTOP)
		wait(ctx, f.For)
		p.signal(syscall.SIGCONT)
	case CutHang, CutReset:
		for _, t := range f.Targets {
			r.wires[t].cut(f.Kind == CutReset)
		}
		wait(ctx, f.For)
		for _, t := range f.Targets {
			r.wires[t].heal()
		}
	}
}

func (r *rig) restart(p *process) {
	if err := p.start(); err != nil {
		r.strange(err.Error())
	}
}

func (r *rig) inflictRedis(ctx context.Context, f Fault) {
	r.redisBusy.Lock()
	defer r.redisBusy.Unlock()
	end, served := r.outages.begin(redisTarget, f.Kind)
	defer end()
	hurt := r.store.kill
	if f.Kind == Stop {
		hurt = r.store.pause
	}
	broken, err := hurt(ctx, f)
	if err != nil {
		r.strange(err.Error())
		return
	}
	watching, stop := context.WithCancel(context.WithoutCancel(ctx))
	var watch sync.WaitGroup
	defer watch.Wait()
	defer stop()
	watch.Go(func() {
		if r.plan.Redis.failsOver() && broken.awaitSuccessor(watching) {
			served()
			r.say("another master of Redis serves")
		}
	})
	wait(ctx, f.For)
	back, cancel := context.WithTimeout(context.WithoutCancel(ctx), readyTimeout)
	defer cancel()
	if err := broken.mend(back); err != nil {
		r.strange("Redis does not come back: " + err.Error())
	}
}

// heal ends all misbehaviour and starts what is not running.
func (r *rig) heal() {
	r.unruly.Store(false)
	for _, w := range r.wires {
		w.heal()
	}
	for _, p := range r.procs {
		select {
		case <-p.current().done:
			r.restart(p)
		default:
		}
	}
}

// stopAll asks every program to stop, which each must do cleanly, workers first:
// they hold what is under way.
func (r *rig) stopAll() {
	for _, name := range append(slots("worker", r.plan.Workers), slots("ingest", r.plan.Ingests)...) {
		if code, err := r.procs[name].terminate(40 * time.Second); err != nil || code != 0 {
			r.strange(fmt.Sprintf("%s, asked to stop at the end, ended with code %d (%v)", name, code, err))
		}
	}
}

// close ends everything at once, whatever state it is in.
func (r *rig) close() {
	for _, p := range r.procs {
		p.close()
	}
	for _, w := range r.wires {
		w.close()
	}
	for _, s := range r.sinks {
		s.close()
	}
	if r.store != nil {
		r.store.close()
	}
	r.probes.CloseIdleConnections()
}

// scanLogs looks for what no program may ever say.
func (r *rig) scanLogs() {
	for slot := range r.procs {
		text, err := os.ReadFile(filepath.Join(r.dir, slot+".log"))
		if err != nil {
			r.strange("reading a log: " + err.Error())
			continue
		}
		for line := range strings.Lines(string(text)) {
			if strings.HasPrefix(line, "panic:") || strings.HasPrefix(line, "fatal error:") || strings.Contains(line, "DATA RACE") {
				r.strange(slot + " says: " + strings.TrimSpace(line))
			}
		}
	}
}
