exec python3 - <<'E'
import threading, queue, multiprocessing, time, os, concurrent.futures
def main():
    n = [0]; lock = threading.Lock()
    def add():
        for _ in range(2000):
            with lock: n[0] += 1
    ts = [threading.Thread(target=add) for _ in range(8)]; [t.start() for t in ts]; [t.join() for t in ts]; print(n)
    q = queue.Queue(); t = threading.Thread(target=lambda: [q.put(i) for i in range(100)]); t.start(); print(sum(q.get() for _ in range(100))); t.join()
    ev = threading.Event(); threading.Timer(0.05, ev.set).start(); print(ev.wait(2)); c = threading.Condition()
    with c: print(c.wait(0.02))
    with concurrent.futures.ThreadPoolExecutor(4) as ex: print(list(ex.map(lambda x: x * x, range(10))))
    with multiprocessing.Pool(3) as p: print(p.map(abs, range(-20, 0)))
    mq = multiprocessing.Queue(); p = multiprocessing.Process(target=mq.put, args=("from process",)); p.start(); print(mq.get(timeout=10)); p.join(); print(p.exitcode)
    v = multiprocessing.Value("i", 0); ps = [multiprocessing.Process(target=bump, args=(v,)) for _ in range(4)]; [x.start() for x in ps]; [x.join() for x in ps]; print(v.value)
    ctx = multiprocessing.get_context("fork"); a, b = ctx.Pipe(); p = ctx.Process(target=b.send, args=([1, 2],)); p.start(); print(a.recv()); p.join()
    with concurrent.futures.ProcessPoolExecutor(2) as ex: print(sum(ex.map(pow, range(10), [2] * 10)))
    bar = threading.Barrier(3); r = []; ts = [threading.Thread(target=lambda: (bar.wait(), r.append(1))) for _ in range(3)]; [t.start() for t in ts]; [t.join() for t in ts]; print(len(r))
def bump(v):
    for _ in range(100):
        with v.get_lock(): v.value += 1
main()
E
