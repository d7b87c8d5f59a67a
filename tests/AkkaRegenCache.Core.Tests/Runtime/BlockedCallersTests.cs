using System.Collections.Concurrent;
using AkkaRegenCache.Protocol;
using AkkaRegenCache.Runtime;
using AkkaRegenCache.Storage;
using Xunit;

namespace AkkaRegenCache.Core.Tests.Runtime;

/// <summary>Synchronous callers need no free thread of the pool: neither for the generator, nor for the loop, nor for their answers.</summary>
public sealed class BlockedCallersTests
{
    private static readonly EntryProfile s_profile = new EntryProfiles(new RegenCacheOptions()).Resolve(null);
    private static readonly TimeSpan s_long = TimeSpan.FromHours(1);

    [Theory]
    [InlineData(false, true)]
    [InlineData(true, true)]
    [InlineData(true, false)]
    public void The_generator_runs_on_the_thread_of_a_caller_who_is_blocked_for_it(bool sharesOneKey, bool storesObjects)
    {
        const int Callers = 150;
        using var cache = new RegenCache("blocked", null, new InMemoryStore(storesObjects: storesObjects));
        var generatedOn = new ConcurrentQueue<Thread>();
        var threads = Enumerable.Range(0, Callers).Select(i => new Thread(() => Assert.Equal(7, cache.GetOrAdd(
            sharesOneKey ? "key" : $"key{i}",
            generateFunc: () =>
            {
                generatedOn.Enqueue(Thread.CurrentThread);
                return 7;
            },
            inactiveRetention: s_long,
            regenerationInterval: TimeSpan.FromMinutes(1))))).ToList();
        foreach (var thread in threads)
            thread.Start();
        Assert.All(threads, thread => Assert.True(thread.Join(TimeSpan.FromMinutes(1)), "a caller still waits"));

        Assert.Equal(sharesOneKey ? 1 : Callers, generatedOn.Count);
        Assert.All(generatedOn, thread => Assert.Contains(thread, threads));
        Assert.False(cache.Shell.Blocked.Any);
    }

    [Fact]
    public void A_generator_on_its_caller_s_thread_sees_nothing_of_the_caller_and_its_failure_is_the_caller_s()
    {
        using var cache = new RegenCache("failing");
        var user = new AsyncLocal<string?> { Value = "somebody" };
        string? seen = "not run";
        var error = Assert.Throws<TimeZoneNotFoundException>(() => cache.GetOrAdd<int>(
            "key",
            () =>
            {
                seen = user.Value;
                throw new TimeZoneNotFoundException("no zone");
            },
            s_long, TimeSpan.FromMinutes(1)));
        Assert.Equal("no zone", error.Message);
        Assert.Null(seen);
        Assert.Equal("somebody", user.Value);
    }

    [Fact]
    public void A_thread_that_works_is_lent_nothing_more_and_something_again_when_it_is_done()
    {
        using var begun = new ManualResetEventSlim();
        using var mayEnd = new ManualResetEventSlim();
        var call = new BlockingCall<int>("key", s_profile, null);
        var thread = new Thread(() => Assert.Throws<TimeZoneNotFoundException>(() => call.Wait()));
        thread.Start();

        Assert.True(call.TryLend(new Work(() =>
        {
            begun.Set();
            mayEnd.Wait();
        })));
        Assert.True(begun.Wait(TimeSpan.FromMinutes(1)));
        Assert.False(call.TryLend(new Work(() => { })));

        mayEnd.Set();
        using var again = new ManualResetEventSlim();
        Assert.True(SpinWait.SpinUntil(() => call.TryLend(new Work(again.Set)), TimeSpan.FromMinutes(1)));
        Assert.True(again.Wait(TimeSpan.FromMinutes(1)));
        call.FailWith(new TimeZoneNotFoundException());
        Assert.True(thread.Join(TimeSpan.FromMinutes(1)));
        Assert.False(call.TryLend(new Work(() => { })));
    }

    [Fact]
    public void A_generator_may_ask_for_another_key_on_the_same_thread()
    {
        using var cache = new RegenCache("nested");
        var sum = cache.GetOrAdd(
            "outer", () => 1 + cache.GetOrAdd("inner", () => 2, s_long, TimeSpan.FromMinutes(1)), s_long, TimeSpan.FromMinutes(1));
        Assert.Equal(3, sum);
    }

    private sealed class Work(Action action) : IThreadPoolWorkItem
    {
        public void Execute() => action();
    }
}
