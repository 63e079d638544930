package redisserver

import "syscall"

// procAttr has the kernel end the server with the process that started it, which does
// not clean up when it panics or is killed.
func procAttr() *syscall.SysProcAttr { return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }
