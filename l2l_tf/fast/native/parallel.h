// Work that is dealt to threads: those of this pool, and the caller's own.

#ifndef L2L_TF_FAST_NATIVE_PARALLEL_H_
#define L2L_TF_FAST_NATIVE_PARALLEL_H_

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace l2l {

// Threads that wait for work. TensorFlow's C interface gives no access to its own; these sleep when there is none.
class Pool {
 public:
  // Never destroyed: threads may outlive whatever would do it.
  static Pool& get() {
    static Pool* pool = new Pool;
    return *pool;
  }

  // work(0), ..., work(count - 1), on up to `threads` threads. Returns when all are done.
  void run(int count, int threads, const std::function<void(int)>& work) {
    threads = std::min(threads, count);
    if (threads < 2) {
      for (int i = 0; i < count; ++i) work(i);
      return;
    }
    Job job{count, threads - 1, &work};
    {
      std::lock_guard<std::mutex> lock(mutex_);
      while (static_cast<int>(num_threads_) < threads - 1) {
        std::thread([this] { serve(); }).detach();
        ++num_threads_;
      }
      jobs_.push_back(&job);
    }
    wake_.notify_all();
    take(&job);
    std::unique_lock<std::mutex> lock(mutex_);
    jobs_.erase(std::find(jobs_.begin(), jobs_.end(), &job));
    done_.wait(lock, [&job] { return job.helpers == 0; });
  }

 private:
  struct Job {
    int count, wanted;  // pieces of work, and how many more threads may take some
    const std::function<void(int)>* work;
    int helpers = 0;
    std::atomic<int> next{0};
  };

  static void take(Job* job) {
    for (int i = job->next++; i < job->count; i = job->next++) (*job->work)(i);
  }

  void serve() {
    std::unique_lock<std::mutex> lock(mutex_);
    while (true) {
      const auto open = std::find_if(jobs_.begin(), jobs_.end(),
                                     [](const Job* job) { return job->wanted > 0 && job->next < job->count; });
      if (open == jobs_.end()) {
        wake_.wait(lock);
        continue;
      }
      Job* job = *open;
      --job->wanted;
      ++job->helpers;
      lock.unlock();
      take(job);
      lock.lock();
      if (--job->helpers == 0) done_.notify_all();
    }
  }

  std::mutex mutex_;
  std::condition_variable wake_, done_;
  std::vector<Job*> jobs_;
  int num_threads_ = 0;
};

}  // namespace l2l

#endif
