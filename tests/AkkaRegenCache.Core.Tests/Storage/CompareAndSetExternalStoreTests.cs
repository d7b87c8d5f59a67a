using System.Text;
using AkkaRegenCache.Storage;
using AkkaRegenCache.Testing.Contracts;
using AkkaRegenCache.Testing.Time;
using Xunit;

namespace AkkaRegenCache.Core.Tests.Storage;

/// <summary>What can come between, get lost or be somebody else's, where a store is made of documents.</summary>
public sealed class CompareAndSetExternalStoreTests
{
    private static readonly StoreSchedule s_schedule = new() { FreshFor = TimeSpan.FromSeconds(10) };

    private readonly VirtualTimeProvider _clock = new();
    private readonly FakeDocuments _documents;
    private readonly ListLogger<CompareAndSetExternalStore> _log = new();
    private long _operations;

    public CompareAndSetExternalStoreTests()
    {
        _documents = new FakeDocuments(_clock);
        Store = NewProcess(_documents).ForCache("cache");
    }

    private IExternalStore Store { get; }

    [Fact]
    public async Task A_claim_that_finds_a_fresh_value_writes_nothing_nor_does_a_read_or_a_check_or_a_refused_commit()
    {
        await Write("value");
        var (gets, sets) = (_documents.Gets, _documents.Sets);

        Assert.Equal(ClaimOutcome.Fresh, (await Claim()).Outcome);
        Assert.Equal("value", await Read());
        await Store.CheckAsync(["key", "another"]);
        Assert.False((await Commit(1, "late")).Accepted);

        Assert.Equal(0, _documents.Sets - sets);

        // One each, two for the check, and one for the epoch, of which only the check asks for certain.
        Assert.Equal(6, _documents.Gets - gets);
    }

    [Fact]
    public async Task A_generation_takes_two_round_trips_for_the_claim_and_two_for_the_commit()
    {
        await Store.TouchAsync([]);
        var (gets, sets) = (_documents.Gets, _documents.Sets);
        Assert.True((await Commit((await Claim()).Token, "value")).Accepted);
        Assert.Equal((2, 2), (_documents.Gets - gets, _documents.Sets - sets));
    }

    [Fact]
    public async Task A_killed_holders_claim_ends_with_its_lease_for_another_process_and_its_late_commit_is_refused()
    {
        var other = NewProcess(_documents).ForCache("cache");
        var killed = await Claim();

        var held = await Claim(other);
        Assert.Equal((ClaimOutcome.Held, killed.Token), (held.Outcome, held.Token));
        _clock.Advance(held.Remaining + TimeSpan.FromMilliseconds(1));
        var next = await Claim(other);
        Assert.Equal(ClaimOutcome.Granted, next.Outcome);
        Assert.True(next.Token > killed.Token);
        Assert.False((await Commit(killed.Token, "zombie")).Accepted);
        Assert.True((await Commit(next.Token, "value", store: other)).Accepted);
        Assert.Equal("value", await Read());
    }

    [Fact]
    public async Task An_operation_that_others_came_before_decides_again_on_what_is_there_then()
    {
        var other = NewProcess(_documents).ForCache("cache");
        ClaimAnswer? quicker = null;
        _documents.BeforeSet = async _ =>
        {
            _documents.BeforeSet = null;
            quicker = await Claim(other);
        };

        var slower = await Claim();
        Assert.Equal(ClaimOutcome.Granted, quicker!.Outcome);
        Assert.Equal((ClaimOutcome.Held, quicker.Token), (slower.Outcome, slower.Token));
    }

    [Fact]
    public async Task An_operation_that_others_always_come_before_ends_with_an_error_that_says_so()
    {
        await Write("value", new StoreSchedule { FreshFor = TimeSpan.FromHours(1) });
        var sets = _documents.Sets;
        _documents.BeforeSet = changed =>
        {
            _documents[changed] = _documents[changed];
            return Task.CompletedTask;
        };

        var write = Write("never").AsTask();
        for (var i = 0; i < 10_000 && !write.IsCompleted; i++)
        {
            _clock.Advance(TimeSpan.FromMilliseconds(10));
            await Task.Yield();
        }

        var error = await Assert.ThrowsAsync<InvalidOperationException>(() => write.WaitAsync(TimeSpan.FromSeconds(60)));
        Assert.Contains("'key' 16 times", error.Message, StringComparison.Ordinal);
        Assert.Equal(CompareAndSetExternalStore.Attempts, _documents.Sets - sets);
        _documents.BeforeSet = null;
        Assert.Equal("value", await Read());
        Assert.Equal(0, ((CompareAndSetExternalStore)Store).KeysInUse);
    }

    [Fact]
    public async Task Where_the_answer_to_a_set_was_lost_a_repeat_gets_the_first_answer()
    {
        await Store.TouchAsync([]);
        var operation = Op();
        _documents.AfterSet = _ => new IOException("the connection broke");
        await Assert.ThrowsAsync<IOException>(async () => await Claim(operation: operation));
        _documents.AfterSet = null;

        var again = await Claim(operation: operation);
        Assert.Equal(ClaimOutcome.Granted, again.Outcome);

        operation = Op();
        _documents.AfterSet = _ => new IOException("the connection broke");
        await Assert.ThrowsAsync<IOException>(async () => await Commit(again.Token, "value", operation: operation));
        _documents.AfterSet = null;
        Assert.True((await Commit(again.Token, "value", operation: operation)).Accepted);

        // By another process, too, and until ten seconds have passed.
        var other = NewProcess(_documents).ForCache("cache");
        Assert.True((await Commit(again.Token, "value", operation: operation, store: other)).Accepted);
        _clock.Advance(TimeSpan.FromSeconds(11));
        Assert.False((await Commit(again.Token, "value", operation: operation)).Accepted);
    }

    [Fact]
    public async Task A_document_that_is_gone_is_a_key_never_known_and_tokens_go_up_all_the_same()
    {
        var written = await Write("value");
        var claim = await Claim(reason: ClaimReason.Refresh);
        _clock.Advance(TimeSpan.FromMilliseconds(1));
        _documents.Remove(_documents.NameOf("key"));

        Assert.Null(await Read());
        Assert.False((await Commit(claim.Token, "made under a lost claim")).Accepted);
        var next = await Claim();
        Assert.True(next.Token > claim.Token && claim.Token > written.Token);
        Assert.Equal(written.Epoch, next.Epoch);
    }

    [Fact]
    public async Task A_store_that_was_emptied_has_another_epoch_within_a_second_and_for_whoever_asks_for_a_sign_of_life_at_once()
    {
        var claim = await Claim();
        foreach (var name in _documents.Names)
            _documents.Remove(name);

        var sign = await Store.TouchAsync([]);
        Assert.NotEqual(claim.Epoch, sign.Epoch);
        Assert.Equal(sign.Epoch, (await Claim()).Epoch);

        foreach (var name in _documents.Names)
            _documents.Remove(name);
        _clock.Advance(TimeSpan.FromSeconds(1));
        Assert.NotEqual(sign.Epoch, (await Store.ReadAsync(new ReadRequest { Key = "key" })).Epoch);
    }

    [Fact]
    public async Task The_epochs_document_is_kept_alive()
    {
        var epoch = (await Store.TouchAsync([])).Epoch;
        for (var day = 0; day < 100; day++)
        {
            _clock.Advance(TimeSpan.FromDays(1));
            Assert.Equal(epoch, (await Store.TouchAsync([])).Epoch);
        }
    }

    [Fact]
    public async Task A_document_lives_as_long_as_anything_in_it_is_of_use()
    {
        await Write("value");
        Assert.InRange(_documents.LastLife, TimeSpan.FromSeconds(10), TimeSpan.FromSeconds(20));
        await Write("value", new StoreSchedule { FreshFor = TimeSpan.FromHours(1) });
        Assert.InRange(_documents.LastLife, TimeSpan.FromHours(1), TimeSpan.FromHours(1.01));
        var scheduled = new StoreSchedule { FreshFor = TimeSpan.FromHours(1), Interval = TimeSpan.FromMinutes(50), ActiveFor = TimeSpan.FromDays(2) };
        await Write("value", scheduled);
        Assert.InRange(_documents.LastLife, TimeSpan.FromDays(2), TimeSpan.FromDays(2.01));
    }

    [Fact]
    public async Task A_document_of_somebody_else_counts_as_none_with_one_warning_and_is_overwritten()
    {
        await Write("value");
        var name = _documents.NameOf("key");
        foreach (var foreign in (byte[][])[[], [1], Encoding.UTF8.GetBytes("{\"json\":true}"), [.. _documents[name].AsSpan(0, 30)]])
        {
            _documents[name] = foreign;
            Assert.Null(await Read());
            Assert.Equal(default, (await Store.CheckAsync(["key"])).Checks[0]);
            Assert.True((await Commit((await Claim()).Token, "ours")).Accepted);
            Assert.Equal("ours", await Read());
        }

        Assert.Single(_log.Messages);
        Assert.Contains(name, _log.Messages[0], StringComparison.Ordinal);
    }

    [Fact]
    public async Task Another_keys_document_is_nobodys_and_so_is_one_with_more_behind_it()
    {
        await Write("value");
        var bytes = _documents[_documents.NameOf("key")];
        await Store.ClaimAsync(new ClaimRequest { Key = "other", Operation = Op(), Owner = "node", Lease = TimeSpan.FromSeconds(3) });
        _documents[_documents.NameOf("other")] = bytes;
        Assert.Null(await Read("other"));
        _documents[_documents.NameOf("key")] = [.. bytes, 0];
        Assert.Null(await Read());
    }

    [Fact]
    public async Task What_a_newer_version_wrote_is_left_alone_and_refused_with_one_warning()
    {
        await Write("value");
        var name = _documents.NameOf("key");
        var bytes = _documents[name].ToArray();
        bytes[4]++;
        _documents[name] = bytes;

        await Assert.ThrowsAsync<StoreRefusedException>(async () => await Read());
        await Assert.ThrowsAsync<StoreRefusedException>(async () => await Claim());
        await Assert.ThrowsAsync<StoreRefusedException>(async () => await Write("older"));
        Assert.Equal([TokenCheck.Unknown, default], (await Store.CheckAsync(["key", "another"])).Checks);
        Assert.Equal(bytes, _documents[name]);
        Assert.Single(_log.Messages);
    }

    [Fact]
    public async Task Of_renewals_that_fail_nothing_is_known_where_others_are_done_and_the_call_fails_where_none_is()
    {
        var one = await Claim();
        var two = await Store.ClaimAsync(new ClaimRequest { Key = "two", Operation = Op(), Owner = "node", Lease = TimeSpan.FromSeconds(3) });
        _clock.Advance(TimeSpan.FromSeconds(1));
        var broken = _documents.NameOf("key");
        _documents.BeforeSet = name => name == broken ? throw new IOException("broken") : Task.CompletedTask;
        HeldClaim[] both = [new("key", one.Token), new("two", two.Token)];
        Assert.Equal([RenewOutcome.Unknown, RenewOutcome.Held], (await Store.RenewAsync(both, TimeSpan.FromSeconds(3))).Outcomes);
        await Assert.ThrowsAsync<IOException>(async () => await Store.RenewAsync([both[0]], TimeSpan.FromSeconds(3)));
    }

    [Fact]
    public async Task A_store_that_never_answers_costs_a_call_its_limit_and_its_key_no_more()
    {
        await Write("value");
        _documents.BeforeGet = (_, _) => new TaskCompletionSource().Task;
        var read = Claim().AsTask();
        _clock.Advance(TimeSpan.FromSeconds(10));
        var error = await Assert.ThrowsAsync<TimeoutException>(() => read.WaitAsync(TimeSpan.FromSeconds(60)));
        Assert.Contains("00:00:10", error.Message, StringComparison.Ordinal);
        _documents.BeforeGet = null;
        Assert.Equal(ClaimOutcome.Granted, (await Claim()).Outcome);
    }

    [Fact]
    public async Task A_claim_whose_caller_has_gone_is_not_sent_but_one_that_is_being_set_comes_to_its_answer()
    {
        using var gone = new CancellationTokenSource();
        var setting = new TaskCompletionSource();
        var go = new TaskCompletionSource();
        await Store.TouchAsync([]);
        _documents.BeforeSet = async _ =>
        {
            setting.SetResult();
            await go.Task;
        };
        var claim = Claim(cancellationToken: gone.Token).AsTask();
        await setting.Task;
        await gone.CancelAsync();
        go.SetResult();
        Assert.Equal(ClaimOutcome.Granted, (await claim.WaitAsync(TimeSpan.FromSeconds(60))).Outcome);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () => await Claim(cancellationToken: gone.Token));
    }

    [Theory]
    [MemberData(nameof(Seeds))]
    public async Task It_answers_as_the_reference_does(int seed) => await new AgainstReference(
        seed, clock => new CompareAndSetExternalStore(new FakeDocuments(clock, tellsTime: seed % 2 == 0), clock)).RunAsync();

    public static TheoryData<int> Seeds => [.. Enumerable.Range(1, 40)];

    [Fact]
    public async Task Processes_that_are_in_each_others_way_give_out_one_claim_at_a_time_and_lose_no_change()
    {
        // Each read and each set lets the others go first.
        var documents = new FakeDocuments(_clock) { BeforeGet = async (_, _) => await Task.Yield(), BeforeSet = async _ => await Task.Yield() };
        var (holders, most, commits, writes) = (0, 0, 0, 0);
        await Task.WhenAll(Enumerable.Range(0, 6).Select(i => Task.Run(async () =>
        {
            var store = new CompareAndSetExternalStore(documents).ForCache("cache");
            for (var round = 0; round < 30; round++)
            {
                var claim = await store.ClaimAsync(new ClaimRequest
                {
                    Key = "key", Operation = Op(), Owner = $"node{i}", Lease = TimeSpan.FromHours(1), Reason = ClaimReason.Refresh,
                });
                if (claim.Outcome != ClaimOutcome.Granted)
                    continue;
                most = Math.Max(most, Interlocked.Increment(ref holders));
                await Task.Yield();
                Interlocked.Decrement(ref holders);
                Assert.True((await Commit(claim.Token, "value", store: store)).Accepted);
                Interlocked.Increment(ref commits);
                if (round % 3 == 0)
                {
                    Assert.True((await Write("set", store: store, key: $"of{i}")).Accepted);
                    Interlocked.Increment(ref writes);
                }
            }
        })));
        Assert.Equal(1, most);
        Assert.True(commits > 20 && writes > 0, $"{commits} commits, {writes} writes");
    }

    private CompareAndSetExternalStore NewProcess(ICompareAndSetStore documents) => new(documents, _clock, _log);

    private OperationId Op() => new("node", Interlocked.Increment(ref _operations));

    private async ValueTask<string?> Read(string key = "key") =>
        (await Store.ReadAsync(new ReadRequest { Key = key })).Record?.Payload?.Bytes is { } bytes ? Encoding.UTF8.GetString(bytes.Span) : null;

    private ValueTask<ClaimAnswer> Claim(
        IExternalStore? store = null, ClaimReason reason = ClaimReason.Miss, OperationId? operation = null, CancellationToken cancellationToken = default)
    {
        var owner = store is null ? "node" : "other";
        return (store ?? Store).ClaimAsync(
            new ClaimRequest { Key = "key", Operation = operation ?? Op(), Owner = owner, Lease = TimeSpan.FromSeconds(3), Reason = reason },
            cancellationToken);
    }

    private ValueTask<ChangeAnswer> Commit(long token, string value, OperationId? operation = null, IExternalStore? store = null) =>
        (store ?? Store).CommitAsync(new CommitRequest
        {
            Key = "key", Operation = operation ?? Op(), Token = token, Payload = CachePayload.FromBytes(Encoding.UTF8.GetBytes(value)), Schedule = s_schedule,
        });

    private ValueTask<ChangeAnswer> Write(
        string value, StoreSchedule? schedule = null, IExternalStore? store = null, string key = "key") => (store ?? Store).WriteAsync(new WriteRequest
    {
        Key = key, Operation = Op(), Payload = CachePayload.FromBytes(Encoding.UTF8.GetBytes(value)), Schedule = schedule ?? s_schedule,
    });
}
