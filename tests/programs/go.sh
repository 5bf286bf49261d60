# A static Go program: goroutines, channels, os/exec, net/http on loopback; built here by the go tool.
set -e
export GOCACHE=$PWD/cache GOPATH=$PWD/gopath GO111MODULE=off CGO_ENABLED=0 GOFLAGS=-p=2
cat >p.go <<'E'
package main

import ("fmt"; "io"; "net/http"; "net"; "os"; "os/exec"; "os/signal"; "sync"; "syscall"; "time"; "runtime")

func main() {
	c := make(chan int); var wg sync.WaitGroup
	for i := 0; i < 100; i++ { wg.Add(1); go func(i int) { defer wg.Done(); c <- i }(i) }
	go func() { wg.Wait(); close(c) }(); s := 0; for v := range c { s += v }; fmt.Println("sum", s)
	out, err := exec.Command("sh", "-c", "echo child; exit 3").Output(); fmt.Printf("%s%v\n", out, err)
	l, _ := net.Listen("tcp", "127.0.0.1:0"); go http.Serve(l, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "served ", r.URL.Path) }))
	for i := 0; i < 3; i++ { r, err := http.Get(fmt.Sprintf("http://%s/%d", l.Addr(), i)); if err != nil { panic(err) }; b, _ := io.ReadAll(r.Body); r.Body.Close(); fmt.Println(string(b)) }
	sc := make(chan os.Signal, 1); signal.Notify(sc, syscall.SIGUSR1); syscall.Kill(os.Getpid(), syscall.SIGUSR1); fmt.Println(<-sc)
	select { case <-time.After(30 * time.Millisecond): fmt.Println("after") }
	os.WriteFile("g.txt", []byte("file"), 0644); b, _ := os.ReadFile("g.txt"); fmt.Println(string(b)); runtime.GC()
	var m sync.Mutex; n := 0; for i := 0; i < 8; i++ { wg.Add(1); go func() { defer wg.Done(); for j := 0; j < 1000; j++ { m.Lock(); n++; m.Unlock() } }() }; wg.Wait(); fmt.Println(n)
	defer func() { fmt.Println("recovered", recover()); os.Exit(5) }(); var p *int; fmt.Println(*p)
}
E
go version | cut -d' ' -f1,2; go build -o p p.go; ./p || echo "status $?"
