using System.Runtime.CompilerServices;
using AkkaRegenCache.Awaiting;
using AkkaRegenCache.Testing.Time;
using Xunit;

namespace AkkaRegenCache.Core.Tests.Awaiting;

public sealed class CorrelatedAwaitManagerTests : IDisposable
{
    // Long enough that only a hang reaches it; nothing waits for it otherwise.
    private static readonly TimeSpan Watchdog = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan Lifetime = TimeSpan.FromSeconds(30);

    private readonly VirtualTimeProvider _clock = new();
    private readonly CorrelatedAwaitManager<Message, string> _manager;

    public CorrelatedAwaitManagerTests() => _manager = new(message => message.Key, Lifetime, timeProvider: _clock);

    public void Dispose() => _manager.Dispose();

    [Fact]
    public async Task All_awaiters_of_a_key_complete_once_with_the_message_and_others_do_not()
    {
        CorrelatedAwaiter<Message>[] awaiters = [.. Enumerable.Range(0, 1000).Select(_ => _manager.Register("a"))];
        using CorrelatedAwaiter<Message> other = _manager.Register("b");

        Assert.Equal(1000, _manager.Notify(new("a", 1)));
        Assert.Equal(0, _manager.Notify(new("a", 2)));

        foreach (CorrelatedAwaiter<Message> awaiter in awaiters)
            Assert.Equal(1, (await awaiter.Task).Number);
        Assert.False(other.Task.IsCompleted);
        AssertWaiting(awaiters: 1, keys: 1);
    }

    [Fact]
    public void A_message_that_came_before_the_registration_is_not_heard()
    {
        Assert.Equal(0, _manager.Notify(new("a", 1)));
        using CorrelatedAwaiter<Message> awaiter = _manager.Register("a");

        Assert.False(awaiter.Task.IsCompleted);
    }

    [Fact]
    public void A_manager_keeps_nothing_of_the_context_in_which_it_was_made()
    {
        var (context, manager) = MakeInContext();
        using (manager)
        {
            GC.Collect();
            GC.WaitForPendingFinalizers();
            GC.Collect();
            Assert.False(context.IsAlive);
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static (WeakReference Context, CorrelatedAwaitManager<Message, string> Manager) MakeInContext()
    {
        WeakReference? context = null;
        CorrelatedAwaitManager<Message, string>? manager = null;
        var thread = new Thread(() =>
        {
            var request = new object();
            new AsyncLocal<object>().Value = request;
            context = new WeakReference(request);
            manager = new(message => message.Key);
        });
        thread.UnsafeStart();
        thread.Join();
        return (context!, manager!);
    }

    [Fact]
    public async Task Keys_are_compared_with_the_given_comparer()
    {
        using var manager = new CorrelatedAwaitManager<Message, string>(m => m.Key, comparer: StringComparer.OrdinalIgnoreCase);
        using CorrelatedAwaiter<Message> awaiter = manager.Register("KEY");

        Assert.Equal(1, manager.Notify(new("key", 7)));
        Assert.Equal(7, (await awaiter.Task).Number);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    public async Task A_disposed_awaiter_is_cancelled_and_leaves_nothing_and_the_others_still_hear(int which)
    {
        CorrelatedAwaiter<Message>[] awaiters = [.. Enumerable.Range(0, 3).Select(_ => _manager.Register("a"))];

        awaiters[which].Dispose();
        awaiters[which].Dispose();

        Assert.True(awaiters[which].Task.IsCanceled);
        AssertWaiting(awaiters: 2, keys: 1);
        Assert.Equal(2, _manager.Notify(new("a", 1)));
        foreach (CorrelatedAwaiter<Message> awaiter in awaiters.Where((_, i) => i != which))
            Assert.Equal(1, (await awaiter.Task).Number);
        AssertWaiting(awaiters: 0, keys: 0);
    }

    [Fact]
    public void The_key_goes_with_its_last_awaiter()
    {
        CorrelatedAwaiter<Message> first = _manager.Register("a");
        CorrelatedAwaiter<Message> second = _manager.Register("a");

        second.Dispose();
        AssertWaiting(awaiters: 1, keys: 1);
        first.Dispose();
        AssertWaiting(awaiters: 0, keys: 0);
    }

    [Fact]
    public async Task A_cancelled_registration_ends_with_its_own_token_and_leaves_nothing()
    {
        using var source = new CancellationTokenSource();
        using CorrelatedAwaiter<Message> cancelled = _manager.Register("a", source.Token);
        using CorrelatedAwaiter<Message> stays = _manager.Register("a");

        await source.CancelAsync();

        var error = await Assert.ThrowsAnyAsync<OperationCanceledException>(() => cancelled.Task);
        Assert.Equal(source.Token, error.CancellationToken);
        AssertWaiting(awaiters: 1, keys: 1);
        Assert.Equal(1, _manager.Notify(new("a", 1)));
    }

    [Fact]
    public void A_token_that_is_cancelled_already_gives_a_cancelled_awaiter()
    {
        using CorrelatedAwaiter<Message> awaiter = _manager.Register("a", new CancellationToken(canceled: true));

        Assert.True(awaiter.Task.IsCanceled);
        AssertWaiting(awaiters: 0, keys: 0);
    }

    [Fact]
    public async Task A_completed_awaiter_stays_completed_whatever_comes_after()
    {
        using var source = new CancellationTokenSource();
        CorrelatedAwaiter<Message> awaiter = _manager.Register("a", source.Token);
        _manager.Notify(new("a", 1));

        await source.CancelAsync();
        awaiter.Dispose();
        _clock.Advance(Lifetime * 2);
        _manager.Dispose();

        Assert.Equal(1, (await awaiter.Task).Number);
    }

    [Fact]
    public async Task Continuations_never_run_on_the_notifying_thread_nor_hold_it_up()
    {
        using var release = new ManualResetEventSlim();
        using CorrelatedAwaiter<Message> awaiter = _manager.Register("a");
        int ranOn = 0;
        Task continuation = awaiter.Task.ContinueWith(
            _ =>
            {
                ranOn = Environment.CurrentManagedThreadId;
                Assert.True(release.Wait(Watchdog));
            },
            CancellationToken.None,
            TaskContinuationOptions.ExecuteSynchronously,
            TaskScheduler.Default);

        var notifier = new Thread(() => _manager.Notify(new("a", 1)));
        notifier.Start();

        Assert.True(notifier.Join(Watchdog));
        release.Set();
        await continuation.WaitAsync(Watchdog);
        Assert.NotEqual(notifier.ManagedThreadId, ranOn);
    }

    [Fact]
    public void A_forgotten_awaiter_ends_at_its_lifetime_and_one_timer_serves_them_all()
    {
        CorrelatedAwaiter<Message>[] early = [.. Enumerable.Range(0, 500).Select(i => _manager.Register($"early {i}"))];
        _clock.Advance(Lifetime / 3);
        CorrelatedAwaiter<Message> late = _manager.Register("late");
        Assert.Equal(1, _clock.PendingTimers);

        _clock.Advance(Lifetime / 3 * 2 - TimeSpan.FromTicks(1));
        Assert.All(early, awaiter => Assert.False(awaiter.Task.IsCompleted));

        _clock.Advance(TimeSpan.FromTicks(1));
        foreach (CorrelatedAwaiter<Message> awaiter in early)
            AssertEndedWith<TimeoutException>(awaiter);
        Assert.False(late.Task.IsCompleted);
        AssertWaiting(awaiters: 1, keys: 1);

        _clock.Advance(Lifetime / 3);
        Assert.Contains("late", AssertEndedWith<TimeoutException>(late).Message, StringComparison.Ordinal);
        AssertWaiting(awaiters: 0, keys: 0);
        Assert.Equal(0, _clock.PendingTimers);
    }

    [Fact]
    public void A_lifetime_is_its_own_also_when_the_awaiter_before_ended_early()
    {
        CorrelatedAwaiter<Message> first = _manager.Register("a");
        _clock.Advance(Lifetime / 2);
        CorrelatedAwaiter<Message> second = _manager.Register("b");
        first.Dispose();

        _clock.Advance(Lifetime - TimeSpan.FromTicks(1));
        Assert.False(second.Task.IsCompleted);
        _clock.Advance(TimeSpan.FromTicks(1));
        AssertEndedWith<TimeoutException>(second);
    }

    [Fact]
    public void An_infinite_lifetime_sets_no_timer()
    {
        using var manager = new CorrelatedAwaitManager<Message, string>(m => m.Key, Timeout.InfiniteTimeSpan, timeProvider: _clock);
        using CorrelatedAwaiter<Message> awaiter = manager.Register("a");

        Assert.Equal(0, _clock.PendingTimers);
        _clock.Advance(RegenEntryOptions.MaximumDuration);
        Assert.False(awaiter.Task.IsCompleted);
    }

    [Fact]
    public void A_lifetime_longer_than_any_timer_works()
    {
        TimeSpan year = TimeSpan.FromDays(365);
        using var manager = new CorrelatedAwaitManager<Message, string>(m => m.Key, year, timeProvider: _clock);
        using CorrelatedAwaiter<Message> awaiter = manager.Register("a");

        _clock.Advance(year - TimeSpan.FromTicks(1));
        Assert.False(awaiter.Task.IsCompleted);
        _clock.Advance(TimeSpan.FromTicks(1));
        AssertEndedWith<TimeoutException>(awaiter);
    }

    [Fact]
    public void Disposing_the_manager_ends_every_awaiter_and_takes_no_new_one()
    {
        using var source = new CancellationTokenSource();
        CorrelatedAwaiter<Message>[] awaiters = [_manager.Register("a"), _manager.Register("a", source.Token), _manager.Register("b")];

        _manager.Dispose();
        _manager.Dispose();

        foreach (CorrelatedAwaiter<Message> awaiter in awaiters)
            AssertEndedWith<ObjectDisposedException>(awaiter);
        Assert.Throws<ObjectDisposedException>(() => _manager.Register("a", source.Token));
        Assert.Equal(0, _manager.Notify(new("a", 1)));
        AssertWaiting(awaiters: 0, keys: 0);
        Assert.Equal(0, _clock.PendingTimers);
    }

    [Fact]
    public void A_key_selector_that_throws_completes_nobody()
    {
        using var manager = new CorrelatedAwaitManager<Message, string>(m => m.Number > 0 ? m.Key : throw new FormatException());
        using CorrelatedAwaiter<Message> awaiter = manager.Register("a");

        Assert.Throws<FormatException>(() => manager.Notify(new("a", 0)));
        Assert.Throws<InvalidOperationException>(() => manager.Notify(new(null!, 1)));
        Assert.False(awaiter.Task.IsCompleted);
        Assert.Equal(1, manager.Notify(new("a", 1)));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(0.5)]
    [InlineData(-2)]
    public void A_lifetime_below_a_millisecond_is_refused(double milliseconds) =>
        Assert.Throws<ArgumentOutOfRangeException>(() =>
            new CorrelatedAwaitManager<Message, string>(m => m.Key, TimeSpan.FromMilliseconds(milliseconds)));

    [Fact]
    public void A_null_key_and_a_null_selector_are_refused()
    {
        Assert.Throws<ArgumentNullException>(() => _manager.Register(null!));
        Assert.Throws<ArgumentNullException>(() => new CorrelatedAwaitManager<Message, string>(null!));
    }

    [Fact]
    public void An_awaiter_its_caller_keeps_does_not_keep_the_others_alive()
    {
        (CorrelatedAwaiter<Message> kept, WeakReference gone) = Two();
        _manager.Notify(new("a", 1));

        GC.Collect();
        GC.WaitForPendingFinalizers();
        GC.Collect();

        Assert.False(gone.IsAlive);
        GC.KeepAlive(kept);

        [System.Runtime.CompilerServices.MethodImpl(System.Runtime.CompilerServices.MethodImplOptions.NoInlining)]
        (CorrelatedAwaiter<Message>, WeakReference) Two()
        {
            var first = new WeakReference(_manager.Register("a"));
            return (_manager.Register("a"), first);
        }
    }

    private static TError AssertEndedWith<TError>(CorrelatedAwaiter<Message> awaiter)
        where TError : Exception
    {
        Assert.True(awaiter.Task.IsFaulted);
        return Assert.IsType<TError>(awaiter.Task.Exception!.InnerException);
    }

    private void AssertWaiting(int awaiters, int keys)
    {
        Assert.Equal(awaiters, _manager.AwaiterCount);
        Assert.Equal(keys, _manager.KeyCount);
    }

    private sealed record Message(string Key, int Number);
}
