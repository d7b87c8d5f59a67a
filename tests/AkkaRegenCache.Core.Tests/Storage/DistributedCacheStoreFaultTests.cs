using System.Text;
using AkkaRegenCache.Storage;
using AkkaRegenCache.Testing.Time;
using Xunit;

namespace AkkaRegenCache.Core.Tests.Storage;

/// <summary>A store over a distributed cache that fails, hangs, or does what it said it did not.</summary>
public sealed class DistributedCacheStoreFaultTests
{
    // Long enough that only a hang reaches it.
    private static readonly TimeSpan s_watchdog = TimeSpan.FromSeconds(60);

    private readonly VirtualTimeProvider _clock = new();
    private readonly FakeCache _cache;
    private readonly DistributedCacheStore _store;
    private readonly Process _process;

    public DistributedCacheStoreFaultTests()
    {
        _cache = new FakeCache(_clock);
        _store = new DistributedCacheStore(_cache, _clock, callTimeout: TimeSpan.FromSeconds(5));
        _process = new Process(_store, "n", whole: true);
    }

    [Fact]
    public async Task A_failing_get_is_the_operations_error_and_changes_nothing()
    {
        var token = await _process.Generate("value");
        Fail("get");
        await Assert.ThrowsAsync<IOException>(() => _process.Read());
        await Assert.ThrowsAsync<IOException>(() => _process.Claim());
        await Assert.ThrowsAsync<IOException>(() => _process.Write("set"));
        await Assert.ThrowsAsync<IOException>(() => _process.Invalidate());
        await Assert.ThrowsAsync<IOException>(() => _process.Check());

        _cache.Before = null;
        Assert.Equal(token, (await _process.Read())!.Token);
        Assert.Equal(ClaimOutcome.Granted, (await _process.Claim(ClaimReason.Refresh)).Outcome);
        Assert.Equal(0, _store.KeysInUse);
    }

    [Fact]
    public async Task A_claim_can_be_renewed_and_released_while_the_cache_is_down()
    {
        var token = (await _process.Claim()).Token;
        Fail("get", "set");
        Assert.Equal(RenewOutcome.Held, (await _store.RenewAsync([new(_process.Key, token)], TimeSpan.FromSeconds(3))).Outcomes[0]);
        var released = await _store.ReleaseAsync(new ReleaseRequest
        {
            Key = _process.Key, Operation = new OperationId("n", 99), Token = token, Failure = new GenerationFailure("T", "m"),
        });
        Assert.True(released.Released);
        _cache.Before = null;
        Assert.Equal(ClaimOutcome.Granted, (await _process.Claim()).Outcome);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_commit_that_could_not_be_stored_is_not_done_and_can_be_repeated_under_its_operation(bool wasStored)
    {
        var token = (await _process.Claim()).Token;
        var operation = new OperationId("n", 1000);
        FailSet(wasStored);
        await Assert.ThrowsAsync<IOException>(() => _process.Commit(token, "value", operation: operation));
        Assert.Equal(RenewOutcome.Held, (await _store.RenewAsync([new(_process.Key, token)], TimeSpan.FromSeconds(3))).Outcomes[0]);

        Heal();
        var repeated = await _process.Commit(token, "value", operation: operation);
        Assert.True(repeated.Accepted);
        Assert.Equal(token, repeated.Token);
        Assert.Equal("value", Text(await _process.Read()));
        Assert.Equal(token, (await _process.Commit(token, "value", operation: operation)).Token);
    }

    [Fact]
    public async Task A_commit_that_was_not_stored_can_not_be_repeated_after_its_lease()
    {
        var token = (await _process.Claim()).Token;
        FailSet(wasStored: false);
        await Assert.ThrowsAsync<IOException>(() => _process.Commit(token, "value"));
        _clock.Advance(TimeSpan.FromSeconds(4));
        Heal();
        Assert.False((await _process.Commit(token, "value")).Accepted);
        Assert.Null(await _process.Read());
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_set_that_failed_and_its_retry_are_one_change(bool wasStored)
    {
        var before = await _process.Generate("before");
        var operation = new OperationId("n", 1000);
        FailSet(wasStored);
        await Assert.ThrowsAsync<IOException>(() => _process.Write("set", operation: operation));
        Heal();
        if (!wasStored)
            Assert.Equal(before, (await _process.Read())!.Token);

        var retried = await _process.Write("set", operation: operation, isRetry: true, observed: before);
        Assert.True(retried.Accepted);
        Assert.Equal(retried.Token, (await _process.Read())!.Token);
        Assert.True(retried.Token > before);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_removal_that_failed_can_be_repeated(bool wasStored)
    {
        var token = await _process.Generate("before");
        var operation = new OperationId("n", 1000);
        FailSet(wasStored);
        await Assert.ThrowsAsync<IOException>(() => _process.Invalidate(operation));
        Heal();
        var repeated = await _process.Invalidate(operation);
        Assert.True(repeated.Token > token);
        Assert.True((await _process.Read())!.IsRemoved);
    }

    [Fact]
    public async Task The_token_of_a_set_that_failed_is_never_given_out_again()
    {
        FailSet(wasStored: false);
        await Assert.ThrowsAsync<IOException>(() => _process.Write("lost"));
        var lost = TokenOfLastSet;
        Heal();
        Assert.True((await _process.Claim()).Token > lost);
    }

    [Fact]
    public async Task A_hanging_call_holds_up_its_own_key_only()
    {
        var hanging = new TaskCompletionSource();
        _cache.Before = (_, key) => key.EndsWith("slow", StringComparison.Ordinal) ? hanging.Task : null;
        var slow = _process.Read("slow");
        var behind = _process.Read("slow");

        Assert.True(await _process.Generate("value") > 0);
        Assert.Equal("value", Text(await _process.Read()));
        Assert.False(slow.IsCompleted);
        Assert.False(behind.IsCompleted);
        Assert.Equal(1, _store.KeysInUse);

        hanging.SetResult();
        await slow.WaitAsync(s_watchdog);
        await behind.WaitAsync(s_watchdog);
        Assert.Equal(0, _store.KeysInUse);
    }

    [Fact]
    public async Task While_a_commit_is_being_stored_its_claim_is_held_and_decides()
    {
        var token = (await _process.Claim(lease: 3)).Token;
        var hanging = new TaskCompletionSource();
        _cache.Before = (call, _) => call == "set" ? hanging.Task : null;
        var commit = _process.Commit(token, "value");
        Assert.Equal(RenewOutcome.Held, (await _store.RenewAsync([new(_process.Key, token)], TimeSpan.FromSeconds(3))).Outcomes[0]);
        _clock.Advance(TimeSpan.FromSeconds(4));
        var next = _process.Claim();

        // Decided while the claim was live: that it took long to store changes nothing, and nobody came in between.
        hanging.SetResult();
        Assert.True((await commit.WaitAsync(s_watchdog)).Accepted);
        Assert.Equal(ClaimOutcome.Fresh, (await next.WaitAsync(s_watchdog)).Outcome);
    }

    [Fact]
    public async Task A_touch_while_a_commit_is_being_stored_is_not_forgotten()
    {
        var token = (await _process.Claim(lease: 3)).Token;
        await _process.Commit(token, "value", interval: 5, activeFor: 5);
        token = (await _process.Claim(ClaimReason.Refresh)).Token;
        var hanging = new TaskCompletionSource();
        _cache.Before = (call, _) => call == "set" ? hanging.Task : null;
        var commit = _process.Commit(token, "second", interval: 5, activeFor: 5);
        await _store.TouchAsync([new(_process.Key, TimeSpan.FromSeconds(50))]);
        hanging.SetResult();
        await commit.WaitAsync(s_watchdog);
        Assert.Equal(TimeSpan.FromSeconds(50), (await _process.Read())!.ActiveFor);
    }

    [Fact]
    public async Task A_call_that_never_answers_is_given_up_after_its_limit()
    {
        _cache.Before = (_, _) => new TaskCompletionSource().Task;
        var read = _process.Read();
        var behind = _process.Read();
        _cache.Before = null;
        _clock.Advance(TimeSpan.FromSeconds(4.9));
        Assert.False(read.IsCompleted);
        _clock.Advance(TimeSpan.FromSeconds(0.2));
        var error = await Assert.ThrowsAsync<TimeoutException>(() => read.WaitAsync(s_watchdog));
        Assert.Contains("distributed cache", error.Message, StringComparison.Ordinal);

        // The next one has its turn.
        Assert.Null(await behind.WaitAsync(s_watchdog));
        Assert.Null(await _process.Read());
        Assert.Equal(0, _store.KeysInUse);
        Assert.Equal(0, _clock.PendingTimers);
    }

    [Fact]
    public async Task Cancellation_ends_the_wait_for_the_key_and_for_the_cache_and_leaves_nothing()
    {
        var hanging = new TaskCompletionSource();
        _cache.Before = (_, _) => hanging.Task;
        using var first = new CancellationTokenSource();
        using var second = new CancellationTokenSource();
        var inCall = _store.ReadAsync(new ReadRequest { Key = _process.Key }, first.Token).AsTask();
        var inLine = _store.ReadAsync(new ReadRequest { Key = _process.Key }, second.Token).AsTask();

        await second.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => inLine.WaitAsync(s_watchdog));
        Assert.False(inCall.IsCompleted);
        await first.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => inCall.WaitAsync(s_watchdog));
        Assert.Equal(0, _store.KeysInUse);

        _cache.Before = null;
        Assert.True(await _process.Generate("value") > 0);
    }

    [Fact]
    public async Task A_cancelled_commit_can_be_repeated()
    {
        var token = (await _process.Claim()).Token;
        using var ending = new CancellationTokenSource();
        var reached = new TaskCompletionSource();
        _cache.Before = (call, _) =>
        {
            if (call != "set")
                return null;
            reached.TrySetResult();
            return new TaskCompletionSource().Task;
        };
        var operation = new OperationId("n", 1000);
        var commit = _process.Commit(token, "value", operation: operation, cancellationToken: ending.Token);
        await reached.Task.WaitAsync(s_watchdog);
        await ending.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => commit.WaitAsync(s_watchdog));
        _cache.Before = null;
        Assert.True((await _process.Commit(token, "value", operation: operation)).Accepted);
    }

    [Fact]
    public async Task One_failing_key_fails_its_check_and_no_other_one()
    {
        await _process.Generate("value", key: "good");
        _cache.Before = (_, key) => key.EndsWith("bad", StringComparison.Ordinal) ? throw new IOException("down") : null;
        await Assert.ThrowsAsync<IOException>(async () => await _store.CheckAsync(["good", "bad", "good"]));
        Assert.NotEqual(0, (await _store.CheckAsync(["good", "good"])).Checks[1].Token);
        Assert.Equal(0, _store.KeysInUse);
    }

    private long TokenOfLastSet { get; set; }

    private static string? Text(StoreRecord? record) =>
        record?.Payload?.Bytes is { } bytes ? Encoding.UTF8.GetString(bytes.Span) : null;

    private void Fail(params string[] calls) =>
        _cache.Before = (call, _) => calls.Contains(call) ? throw new IOException("The cache is down.") : null;

    private void FailSet(bool wasStored)
    {
        TokenOfLastSet = (_clock.GetUtcNow() - DateTimeOffset.UnixEpoch).Ticks / TimeSpan.TicksPerMicrosecond;
        if (wasStored)
            _cache.AfterSet = _ => throw new IOException("The cache's answer was lost.");
        else
            Fail("set");
    }

    private void Heal()
    {
        _cache.Before = null;
        _cache.AfterSet = null;
    }
}
