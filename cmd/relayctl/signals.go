package main

import (
	"os"
	"os/signal"
	"sync"
	"syscall"
)

// lastThings are to be done even when a signal kills. The zero value is ready. It
// is safe for concurrent use.
type lastThings struct {
	mu sync.Mutex
	do []func()
}

func (l *lastThings) add(f func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.do = append(l.do, f)
}

// run does them. What is added later waits for ever: the process is about to end.
func (l *lastThings) run() {
	l.mu.Lock() // for good
	for _, f := range l.do {
		f()
	}
}

// incoming yields the signals that end a command, from now on.
func incoming() <-chan os.Signal {
	signals := make(chan os.Signal, 2) // the second may come before the first is looked at
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM)
	return signals
}

// heedSignals has the first signal stop the command, and the second kill the
// process at once, but for the last things.
func heedSignals(signals <-chan os.Signal, stop func(), last *lastThings) {
	<-signals
	stop()
	second := <-signals
	last.run()
	signal.Reset(syscall.SIGINT, syscall.SIGTERM)
	if self, err := os.FindProcess(os.Getpid()); err == nil && self.Signal(second) != nil {
		_ = self.Kill() // where a process cannot signal itself
	}
	select {} // it comes in a moment; if not, the next signal is nobody's here
}
