using Akka.Actor;
using Akka.TestKit.Xunit2;
using AkkaRegenCache.Actors;
using AkkaRegenCache.Cluster.Tests.Rig;
using AkkaRegenCache.Storage;
using Xunit;

namespace AkkaRegenCache.Cluster.Tests.Store;

public sealed class StoreActorTests : TestKit
{
    private readonly IActorRef _actor;
    private readonly List<(string? Key, TaskCompletionSource<StoreAnswer> Answer, CancellationToken Abandon)> _calls = [];

    public StoreActorTests()
        : base("akka { loggers = [], stdout-loglevel = OFF }")
    {
        _actor = Sys.ActorOf(StoreActor.Props());
    }

    [Fact]
    public async Task Reads_of_one_key_that_come_while_one_is_under_way_are_one_and_begin_after_it()
    {
        var first = Read("key");
        await Calls(1);
        var later = Enumerable.Range(0, 20).Select(_ => Read("key")).ToList();
        var other = Read("other");
        await Calls(2);
        Assert.Equal(["key", "other"], Keys());

        var before = Answer(0);
        Assert.Same(before, await first);
        await Calls(3);
        var after = Answer(2);
        Assert.All(await Task.WhenAll(later), answer => Assert.Same(after, answer));
        Answer(1);
        await other;
        Assert.Equal(["key", "other", "key"], Keys());
    }

    [Fact]
    public async Task So_many_reads_are_under_way_and_no_more_and_what_is_urgent_does_not_wait_behind_them()
    {
        var reads = Enumerable.Range(0, StoreActor.MaximumUnderWay + 10).Select(i => Read($"key{i}")).ToList();
        await Calls(StoreActor.MaximumUnderWay);

        var urgent = Submit(null, isUrgent: true);
        await Calls(StoreActor.MaximumUnderWay + 1);
        Assert.Null(Keys()[^1]);
        Answer(StoreActor.MaximumUnderWay);
        await urgent;
        Answer(0);
        await Calls(StoreActor.MaximumUnderWay + 2);
        await reads[0];
        Assert.Equal($"key{StoreActor.MaximumUnderWay}", Keys()[^1]);
    }

    [Fact]
    public async Task An_error_of_the_store_reaches_all_who_share_the_read_and_the_next_read_is_made()
    {
        var first = Read("key");
        await Calls(1);
        var second = Read("key");
        var third = Read("key");
        Call(0).SetException(new IOException("broken"));
        await Assert.ThrowsAsync<IOException>(() => first);
        await Calls(2);
        Call(1).SetException(new IOException("broken again"));
        await Assert.ThrowsAsync<IOException>(() => second);
        await Assert.ThrowsAsync<IOException>(() => third);

        var next = Read("key");
        await Calls(3);
        Answer(2);
        await next;
    }

    [Fact]
    public async Task A_read_is_abandoned_when_the_last_who_waits_for_it_has_gone_and_not_before()
    {
        using var one = new CancellationTokenSource();
        using var two = new CancellationTokenSource();
        var blocking = Read("key");
        await Calls(1);
        var first = Read("key", one.Token);
        var second = Read("key", two.Token);
        Answer(0);
        await blocking;
        await Calls(2);

        await one.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => first);
        Assert.False(_calls[1].Abandon.IsCancellationRequested);
        await two.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => second);
        Assert.True(_calls[1].Abandon.IsCancellationRequested);
    }

    [Fact]
    public async Task What_nobody_waits_for_any_more_is_not_sent()
    {
        using var gone = new CancellationTokenSource();
        var blocking = Read("key");
        await Calls(1);
        var abandoned = Read("key", gone.Token);
        await gone.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => abandoned);
        var next = Read("key");
        Answer(0);
        await blocking;
        await Calls(2);
        Answer(1);
        await next;
        Assert.Equal(2, Keys().Count);
    }

    [Fact]
    public async Task When_the_actor_crashes_what_waits_and_what_is_under_way_fails_and_the_next_call_is_made()
    {
        var underWay = Read("key");
        await Calls(1);
        var waiting = Read("key");
        var urgent = Submit(null, isUrgent: true);
        await Calls(2);

        _actor.Tell(new StoreJobDone(null!, null, null));

        foreach (var call in new[] { underWay, waiting, urgent })
            await Assert.ThrowsAsync<InvalidOperationException>(() => call.WaitAsync(Eventually.Patience));
        var next = Read("key");
        await Calls(3);
        Answer(2);
        await next.WaitAsync(Eventually.Patience);
    }

    [Fact]
    public async Task When_the_actor_stops_what_waits_fails()
    {
        var underWay = Read("key");
        await Calls(1);
        Sys.Stop(_actor);
        await Assert.ThrowsAsync<InvalidOperationException>(() => underWay.WaitAsync(Eventually.Patience));
    }

    private Task<StoreAnswer> Read(string key, CancellationToken cancellationToken = default) => Submit(key, false, cancellationToken);

    private Task<StoreAnswer> Submit(string? key, bool isUrgent, CancellationToken cancellationToken = default)
    {
        var job = new StoreJob(
            abandon =>
            {
                var answer = new TaskCompletionSource<StoreAnswer>(TaskCreationOptions.RunContinuationsAsynchronously);
                lock (_calls)
                    _calls.Add((key, answer, abandon));
                return answer.Task;
            },
            key,
            isUrgent);
        _actor.Tell(job);
        return job.WaitAsync(cancellationToken);
    }

    private Task Calls(int count) => Eventually.Holds(
        () =>
        {
            lock (_calls)
                return _calls.Count == count;
        },
        $"{count} calls are made");

    private List<string?> Keys()
    {
        lock (_calls)
            return [.. _calls.Select(c => c.Key)];
    }

    private TaskCompletionSource<StoreAnswer> Call(int index)
    {
        lock (_calls)
            return _calls[index].Answer;
    }

    private TouchAnswer Answer(int index)
    {
        var answer = new TouchAnswer { Epoch = index.ToString(System.Globalization.CultureInfo.InvariantCulture) };
        Call(index).SetResult(answer);
        return answer;
    }
}
