package redisserver

import (
	"errors"
	"math/rand/v2"
	"net"
	"strconv"
	"sync"
)

// Ports are taken from below those that the system gives to connections
// (32768 and up on Linux), so that a killed server finds its port free when it
// is started again. The Cluster bus is busOffset above: Redis' own rule.
const (
	firstPort = 10000
	portCount = 10000
	busOffset = 10000
)

// ports are those of this process's servers: one that is killed keeps its own.
var ports = portSet{taken: map[int]bool{}}

type portSet struct {
	mu    sync.Mutex
	taken map[int]bool
}

// reserve finds a port that nothing listens on, nor on its Cluster bus.
func (p *portSet) reserve() (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for range 1000 {
		port := firstPort + rand.IntN(portCount)
		if !p.taken[port] && free(port) && free(port+busOffset) {
			p.taken[port] = true
			return port, nil
		}
	}
	return 0, errors.New("finding a free port: none between 10000 and 19999")
}

func (p *portSet) release(port int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.taken, port)
}

func free(port int) bool {
	l, err := net.Listen("tcp", net.JoinHostPort(host, strconv.Itoa(port)))
	if err != nil {
		return false
	}
	_ = l.Close()
	return true
}
