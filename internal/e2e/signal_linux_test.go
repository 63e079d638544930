package e2e

import "syscall"

// procAttr has the kernel end a program with the test binary, which does not
// run its cleanups when it panics or times out.
func procAttr() *syscall.SysProcAttr { return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }
