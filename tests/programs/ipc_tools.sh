# ipcmk, ipcs, ipcrm; python's shared memory, semaphores and queues between processes.
for kind in -M\ 5000 -S\ 3 -Q; do
	ipcmk -p 0640 $kind >id || exit 1
	sed 's/[0-9][0-9]*$/N/' id
	n=$(sed 's/.* //' id)
	case $kind in
	-M*) ipcs -m -i $n | grep mode; awk -v n=$n '$2 == n {print $3, $4, $7}' /proc/sysvipc/shm; ipcrm -m $n ;;
	-S*) ipcs -s -i $n | grep -E 'mode|nsems'; awk -v n=$n '$2 == n {print $3, $4}' /proc/sysvipc/sem; ipcrm -s $n ;;
	-Q*) ipcs -q -i $n | grep mode; awk -v n=$n '$2 == n {print $3, $4, $5}' /proc/sysvipc/msg; ipcrm -q $n ;;
	esac
	echo removed $?
done
ipcrm -m 99999999; echo $?
ipcs -l | grep -E 'segments|arrays =|queues system'
cat >mp.py <<'END'
import multiprocessing as mp, os
from multiprocessing import shared_memory

def work(name, lock, q):
    s = shared_memory.SharedMemory(name)
    for i in range(200):
        with lock:
            s.buf[0] = (s.buf[0] + 1) % 251
    q.put(os.getpid() != os.getppid())
    s.close()

if __name__ == "__main__":
    for method in "fork", "spawn":
        ctx = mp.get_context(method)
        s = shared_memory.SharedMemory(create=True, size=4096)
        s.buf[0] = 0
        lock, q = ctx.Lock(), ctx.Queue()
        ps = [ctx.Process(target=work, args=(s.name, lock, q)) for _ in range(3)]
        for p in ps: p.start()
        print(method, [q.get() for _ in ps])
        for p in ps: p.join()
        print(s.buf[0], 600 % 251, [p.exitcode for p in ps])
        s.close(); s.unlink()
    with mp.Pool(3) as pool:
        print(sum(pool.map(abs, range(-50, 50))))
    v = mp.Value("i", 0)
    sem = mp.BoundedSemaphore(2)
    sem.acquire(); sem.acquire()
    print(sem.acquire(timeout=0.01)); sem.release(); sem.release()
    try: sem.release()
    except ValueError as e: print(e)
END
python3 mp.py
