using AkkaRegenCache.Storage;
using AkkaRegenCache.Testing.Contracts;
using Xunit;

namespace AkkaRegenCache.Core.Tests.Storage;

/// <summary>Where a store is made of documents: what an operation costs, who comes between, and answers that get lost.</summary>
public sealed class CompareAndSetExternalStoreTests : CompareAndSetRig
{
    [Fact]
    public async Task A_claim_that_finds_a_fresh_value_writes_nothing_nor_does_a_read_or_a_check_or_a_refused_commit()
    {
        await Write("value");
        var (gets, sets) = (Documents.Gets, Documents.Sets);

        Assert.Equal(ClaimOutcome.Fresh, (await Claim()).Outcome);
        Assert.Equal("value", await Read());
        await Store.CheckAsync(["key", "another"]);
        Assert.False((await Commit(1, "late")).Accepted);

        Assert.Equal(0, Documents.Sets - sets);

        // One each, two for the check, and one for the epoch, of which only the check asks for certain.
        Assert.Equal(6, Documents.Gets - gets);
    }

    [Fact]
    public async Task A_generation_takes_two_round_trips_for_the_claim_and_two_for_the_commit()
    {
        await Store.TouchAsync([]);
        var (gets, sets) = (Documents.Gets, Documents.Sets);
        Assert.True((await Commit((await Claim()).Token, "value")).Accepted);
        Assert.Equal((2, 2), (Documents.Gets - gets, Documents.Sets - sets));
    }

    [Fact]
    public async Task A_killed_holders_claim_ends_with_its_lease_for_another_process_and_its_late_commit_is_refused()
    {
        var other = NewProcess(Documents).ForCache("cache");
        var killed = await Claim();

        var held = await Claim(other);
        Assert.Equal((ClaimOutcome.Held, killed.Token), (held.Outcome, held.Token));
        Clock.Advance(held.Remaining + TimeSpan.FromMilliseconds(1));
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
        var other = NewProcess(Documents).ForCache("cache");
        ClaimAnswer? quicker = null;
        Documents.BeforeSet = async _ =>
        {
            Documents.BeforeSet = null;
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
        var sets = Documents.Sets;
        Documents.BeforeSet = changed =>
        {
            Documents[changed] = Documents[changed];
            return Task.CompletedTask;
        };

        var write = Write("never").AsTask();
        for (var i = 0; i < 10_000 && !write.IsCompleted; i++)
        {
            Clock.Advance(TimeSpan.FromMilliseconds(10));
            await Task.Yield();
        }

        var error = await Assert.ThrowsAsync<InvalidOperationException>(() => write.WaitAsync(TimeSpan.FromSeconds(60)));
        Assert.Contains("'key' 16 times", error.Message, StringComparison.Ordinal);
        Assert.Equal(CompareAndSetExternalStore.Attempts, Documents.Sets - sets);
        Documents.BeforeSet = null;
        Assert.Equal("value", await Read());
        Assert.Equal(0, ((CompareAndSetExternalStore)Store).KeysInUse);
    }

    [Fact]
    public async Task Where_the_answer_to_a_set_was_lost_a_repeat_gets_the_first_answer()
    {
        await Store.TouchAsync([]);
        var operation = Op();
        Documents.AfterSet = _ => new IOException("the connection broke");
        await Assert.ThrowsAsync<IOException>(async () => await Claim(operation: operation));
        Documents.AfterSet = null;

        var again = await Claim(operation: operation);
        Assert.Equal(ClaimOutcome.Granted, again.Outcome);

        operation = Op();
        Documents.AfterSet = _ => new IOException("the connection broke");
        await Assert.ThrowsAsync<IOException>(async () => await Commit(again.Token, "value", operation: operation));
        Documents.AfterSet = null;
        Assert.True((await Commit(again.Token, "value", operation: operation)).Accepted);

        // By another process, too, and until ten seconds have passed.
        var other = NewProcess(Documents).ForCache("cache");
        Assert.True((await Commit(again.Token, "value", operation: operation, store: other)).Accepted);
        Clock.Advance(TimeSpan.FromSeconds(11));
        Assert.False((await Commit(again.Token, "value", operation: operation)).Accepted);
    }

    [Fact]
    public async Task Of_renewals_that_fail_nothing_is_known_where_others_are_done_and_the_call_fails_where_none_is()
    {
        var one = await Claim();
        var lease = TimeSpan.FromSeconds(3);
        var two = await Store.ClaimAsync(new ClaimRequest { Key = "two", Operation = Op(), Owner = "node", Lease = lease });
        Clock.Advance(TimeSpan.FromSeconds(1));
        var broken = Documents.NameOf("key");
        Documents.BeforeSet = name => name == broken ? throw new IOException("broken") : Task.CompletedTask;
        HeldClaim[] both = [new("key", one.Token), new("two", two.Token)];
        Assert.Equal([RenewOutcome.Unknown, RenewOutcome.Held], (await Store.RenewAsync(both, lease)).Outcomes);
        await Assert.ThrowsAsync<IOException>(async () => await Store.RenewAsync([both[0]], lease));
    }

    [Fact]
    public async Task A_store_that_never_answers_costs_a_call_its_limit_and_its_key_no_more()
    {
        await Write("value");
        Documents.BeforeGet = (_, _) => new TaskCompletionSource().Task;
        var read = Claim().AsTask();
        Clock.Advance(TimeSpan.FromSeconds(10));
        var error = await Assert.ThrowsAsync<TimeoutException>(() => read.WaitAsync(TimeSpan.FromSeconds(60)));
        Assert.Contains("00:00:10", error.Message, StringComparison.Ordinal);
        Documents.BeforeGet = null;
        Assert.Equal(ClaimOutcome.Granted, (await Claim()).Outcome);
    }

    [Fact]
    public async Task A_claim_whose_caller_has_gone_is_not_sent_but_one_that_is_being_set_comes_to_its_answer()
    {
        using var gone = new CancellationTokenSource();
        var setting = new TaskCompletionSource();
        var go = new TaskCompletionSource();
        await Store.TouchAsync([]);
        Documents.BeforeSet = async _ =>
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
        var documents = new FakeDocuments(Clock)
        {
            BeforeGet = async (_, _) => await Task.Yield(),
            BeforeSet = async _ => await Task.Yield(),
        };
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
}
