using Akka.Actor;
using Akka.Event;
using AkkaRegenCache.Hosting;
using AkkaRegenCache.Storage;

namespace AkkaRegenCache.Actors;

/// <summary>
/// Limits and shares the calls of a cache's external store on this node: concurrent reads of one key become one, and the number of calls
/// under way is bounded. Calls that hold or end a claim, or change a key, never wait behind reads.
/// </summary>
/// <remarks>
/// A read joins another one only before that one is sent: the answer of a read under way may be older than a change that the new caller
/// knows. So there are at most two reads of a key, one under way and one that waits for it. When the actor crashes, all its calls fail.
/// </remarks>
internal sealed class StoreActor : ReceiveActor
{
    /// <summary>The most reads and claims under way, and the most other calls.</summary>
    public const int MaximumUnderWay = 256;

    private readonly ILoggingAdapter _log = Context.GetLogger();
    private readonly Lane _reads = new();
    private readonly Lane _urgent = new();

    /// <summary>The read of a key that is under way.</summary>
    private readonly Dictionary<string, StoreJob> _reading = new(StringComparer.Ordinal);

    /// <summary>The read of a key that is not sent yet. Other reads join it.</summary>
    private readonly Dictionary<string, StoreJob> _next = new(StringComparer.Ordinal);

    public StoreActor()
    {
        Receive<StoreJob>(OnJob);
        Receive<StoreJobDone>(OnDone);
    }

    public static Props Props() => Akka.Actor.Props.Create(static () => new StoreActor());

    protected override void PreRestart(Exception reason, object message)
    {
        _log.Error(reason, "The actor before the store crashed at a {0}; the calls that it knew fail.", message?.GetType().Name);
        FailAll(reason, message as StoreJob);
        base.PreRestart(reason, message!);
    }

    protected override void PostStop() => FailAll(new ObjectDisposedException(nameof(StoreActor), "The actor system has ended."), null);

    private void OnJob(StoreJob job)
    {
        if (job.ReadKey is not { } key)
        {
            Enter(job);
            return;
        }

        if (_next.TryGetValue(key, out var leader))
        {
            if (leader.TryLead(job))
                return;

            // It has no caller any more, and is skipped when its turn comes.
            _next.Remove(key);
        }

        _next[key] = job;
        if (!_reading.ContainsKey(key))
            Enter(job);
    }

    private void OnDone(StoreJobDone done)
    {
        if (done.Answer is { } answer)
            done.Job.Complete(answer);
        else
            done.Job.Fail(done.Failure!);

        // The crash of an earlier incarnation has failed it already.
        var lane = LaneOf(done.Job);
        if (!lane.UnderWay.Remove(done.Job))
            return;
        if (done.Job.ReadKey is { } key && _reading.Remove(key) && _next.TryGetValue(key, out var next))
            lane.Waiting.Enqueue(next);
        Serve(lane);
    }

    private void Enter(StoreJob job)
    {
        var lane = LaneOf(job);
        lane.Waiting.Enqueue(job);
        Serve(lane);
    }

    private void Serve(Lane lane)
    {
        while (lane.UnderWay.Count < MaximumUnderWay && lane.Waiting.TryDequeue(out var job))
        {
            var key = job.ReadKey;
            if (key is not null && _next.TryGetValue(key, out var next) && ReferenceEquals(next, job))
                _next.Remove(key);
            if (job.IsAbandoned)
            {
                job.Fail(new OperationCanceledException("Nobody waits for it."));
                continue;
            }

            lane.UnderWay.Add(job);
            if (key is not null)
                _reading[key] = job;
            job.RunAsync().PipeTo(
                Self,
                success: answer => new StoreJobDone(job, answer, null),
                failure: e => new StoreJobDone(job, null, e is AggregateException { InnerExceptions: [var inner] } ? inner : e));
        }
    }

    private Lane LaneOf(StoreJob job) => job.IsUrgent ? _urgent : _reads;

    private void FailAll(Exception reason, StoreJob? current)
    {
        var failure = new InvalidOperationException("The actor before the store crashed; the outcome of the call is not known.", reason);
        current?.Fail(failure);
        foreach (var job in (IEnumerable<StoreJob>)[.. _reads.UnderWay, .. _reads.Waiting, .. _urgent.UnderWay, .. _urgent.Waiting,
            .. _next.Values])
            job.Fail(failure);
    }

    private sealed class Lane
    {
        public HashSet<StoreJob> UnderWay { get; } = [];

        public Queue<StoreJob> Waiting { get; } = new();
    }
}
