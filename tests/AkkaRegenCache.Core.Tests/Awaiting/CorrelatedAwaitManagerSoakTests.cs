using AkkaRegenCache.Awaiting;
using Xunit;

namespace AkkaRegenCache.Core.Tests.Awaiting;

/// <summary>Threads that register, notify, cancel and give up on the same few keys, as fast as they can.</summary>
public class CorrelatedAwaitManagerSoakTests
{
    private const int Threads = 4;
    private const int RoundsPerThread = 20_000;
    private const int Keys = 3;

    private static readonly TimeSpan Watchdog = TimeSpan.FromSeconds(60);

    [Fact]
    public async Task No_wake_up_is_lost_none_counted_twice_and_nothing_is_left_over()
    {
        using var manager = new CorrelatedAwaitManager<int, int>(message => message % Keys);
        Task<Tally>[] running =
        [
            .. Enumerable.Range(0, Threads).Select(seed => Task.Factory.StartNew(
                () => Run(manager, new Random(seed)), CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default)),
        ];

        Tally[] tallies = await Task.WhenAll(running).WaitAsync(Watchdog);

        Assert.Equal(tallies.Sum(tally => tally.Completed), tallies.Sum(tally => tally.Counted));
        Assert.True(tallies.Sum(tally => tally.Completed) >= Threads * RoundsPerThread / 4, "The soak has hardly notified anybody.");
        Assert.Equal(0, manager.AwaiterCount);
        Assert.Equal(0, manager.KeyCount);
    }

    [Fact]
    public async Task Disposing_the_manager_in_the_middle_strands_nobody()
    {
        for (int round = 0; round < 200; round++)
        {
            using var manager = new CorrelatedAwaitManager<int, int>(message => message % Keys);
            using var start = new Barrier(3);
            Task registrar = LongRunning(() =>
            {
                start.SignalAndWait();
                var waiting = new List<Task>();
                try
                {
                    for (int i = 0; i < 10_000; i++)
                        waiting.Add(manager.Register(i % Keys).Task);
                }
                catch (ObjectDisposedException)
                {
                    // What the test wants to happen; those registered before must all have ended.
                }

                manager.Dispose();
                Task all = Task.WhenAll(waiting).ContinueWith(_ => { }, TaskScheduler.Default);
                Assert.True(all.Wait(Watchdog), "An awaiter was stranded.");
            });
            Task notifier = LongRunning(() =>
            {
                start.SignalAndWait();
                for (int i = 0; i < 100; i++)
                    manager.Notify(i);
            });

            start.SignalAndWait();
            manager.Dispose();
            await Task.WhenAll(registrar, notifier);
            Assert.Equal(0, manager.AwaiterCount);
        }
    }

    private static Tally Run(CorrelatedAwaitManager<int, int> manager, Random random)
    {
        var tally = new Tally();
        for (int round = 0; round < RoundsPerThread; round++)
        {
            int key = random.Next(Keys);
            using var source = new CancellationTokenSource();
            CorrelatedAwaiter<int> awaiter = manager.Register(key, source.Token);
            switch (random.Next(4))
            {
                case 0:
                    awaiter.Dispose();
                    break;
                case 1:
                    source.Cancel();
                    break;
                default:
                    // Registered before this call, so it hears this message, or one that another thread had brought already.
                    tally.Counted += manager.Notify(key + Keys * round);
                    break;
            }

            // Whoever took it out of the manager may be about to complete it; an awaiter that was lost would never end.
            Task<int> ended = awaiter.Task;
            Assert.True(((IAsyncResult)ended).AsyncWaitHandle.WaitOne(Watchdog), "A wake-up was lost.");
            if (ended.IsCompletedSuccessfully)
            {
                Assert.Equal(key, ended.Result % Keys);
                tally.Completed++;
            }
        }

        return tally;
    }

    private static Task LongRunning(Action action) =>
        Task.Factory.StartNew(action, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);

    private sealed class Tally
    {
        public int Counted { get; set; }

        public int Completed { get; set; }
    }
}
