using System.Collections.Concurrent;
using AkkaRegenCache.Memory;
using AkkaRegenCache.Notifications;
using AkkaRegenCache.Protocol;
using AkkaRegenCache.Serialization;
using AkkaRegenCache.Storage;
using Microsoft.Extensions.Logging;

namespace AkkaRegenCache.Runtime;

/// <summary>
/// The in-process shell: a serial loop that feeds the <see cref="NodeAgent"/> and executes its outbox. It makes no protocol decision.
/// </summary>
/// <remarks>
/// Any thread posts. The thread that posts into an idle loop runs it, and hands it to the thread pool after it has served other threads'
/// messages for long enough. The loop is the memory layer's only writer. It runs in its own context (<see cref="OwnContext"/>) on whatever
/// thread, and calls no foreign code: stores and buses that are not of this project are called on the thread pool.
/// </remarks>
internal sealed partial class NodeShell : IAccessLog, IAsyncDisposable
{
    /// <summary>How precisely the last read of a key is remembered, in ticks.</summary>
    private static readonly long s_epoch = TimeSpan.FromMilliseconds(250).Ticks;

    private static readonly ContextCallback s_drain = static shell =>
    {
        OwnContext.LeaveSynchronizationContext();
        ((NodeShell)shell!).Drain(seen: 1);
    };

    private const int MessagesPerTurn = 256;

    private readonly ConcurrentQueue<(Peer From, object Message)> _mailbox = new();

    private readonly Outbox _outbox = new();
    private readonly NodeAgent _agent;
    private readonly GeneratorRuns _runs;
    private readonly GenerationFailureLog _failures;
    private readonly UnreadableLog _unreadable;
    private readonly OverloadLog _overload;
    private readonly bool _throwsUnreadable;
    private readonly IDisposable? _subscription;
    private readonly StoreCaller _storeCaller;
    private readonly BusSender _bus;
    private readonly ICoordinatorLink? _coordinators;
    private readonly RecoveryRecords? _kept;
    private readonly IDisposable? _attached;
    private readonly TimeProvider _time;
    private readonly TimeSpan _storeTimeout;
    private readonly TimeSpan _leaveTimeout;
    private readonly TimeSpan _warmUpTimeout;
    private readonly string _cacheName;
    private readonly ILogger _logger;
    private readonly ITimer _timer;
    private readonly long _start;
    private readonly TaskCompletionSource _idle = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private volatile TaskCompletionSource _drained = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private TaskCompletionSource? _left;
    private long _timerAt = long.MaxValue;
    private int _posted;

    /// <summary>The number of posts that the loop had seen when it was handed over, for the thread that continues it.</summary>
    private int _handedOn;

    private int _answers;
    private volatile bool _isLeaving;
    private bool _isGoingOn;
    private bool _hasEnded;
    private int _draining;
    private bool _goesOn;
    private bool _hasLeft;

    public NodeShell(
        string cacheName,
        RegenCacheOptions options,
        IExternalStore store,
        INotificationBus? bus,
        ICoordinatorLink? coordinators,
        Func<string, GeneratorSource?>? sourceFor,
        ValueCodec codec,
        TimeProvider time,
        ILogger logger,
        string nodeId,
        int seed)
    {
        _cacheName = cacheName;
        _storeCaller = new StoreCaller(store, this, cacheName, time, logger);
        _bus = new BusSender(bus, cacheName, logger);
        _time = time;
        _logger = logger;
        _storeTimeout = options.StoreWriteTimeout;
        _leaveTimeout = options.LeaveTimeout;
        _warmUpTimeout = options.StoreWarmUpTimeout;
        Codec = codec;
        Memory = new MemoryLayer(new MemoryLayerOptions
        {
            MaxEntries = options.MaximumEntries,
            MaxBytes = options.MaximumBytes,
            Policy = options.MemoryPolicy,
        });
        _start = time.GetTimestamp();
        _agent = new NodeAgent(
            Settings = new AgentSettings
            {
                NodeId = nodeId,
                Lease = options.ClaimLease.Ticks,
                Heartbeat = options.HeartbeatInterval.Ticks,
                MaximumEntries = options.MaximumEntries,
                MaximumBackground = options.MaximumBackgroundGenerations,
                MaximumForeground = options.MaximumForegroundGenerations,
                MaximumQueued = options.MaximumQueuedGenerations,
                InlineBytes = bus is null ? -1 : options.InlinePayloadBytes,
                StoreAnnounces = bus is null ? null : () => _storeCaller.AnnouncesOn(bus),
                ReadTimeout = options.StoreReadTimeout.Ticks,
                WriteTimeout = options.StoreWriteTimeout.Ticks,
                FailuresToBreak = options.StoreFailuresToBreak,
                BreakDuration = options.StoreBreakDuration.Ticks,
                MaximumPendingChanges = options.MaximumPendingChanges,
                Partitions = store.Partitions,
                PartitionOf = store.Partitions > 1 ? store.PartitionOf : null,
                Shards = coordinators?.Shards ?? 0,
                ShardOf = coordinators is null ? null : coordinators.ShardOf,
                SourceFor = sourceFor,
            },
            new Random(seed),
            this);
        _runs = new GeneratorRuns(this);
        _failures = new GenerationFailureLog(logger, cacheName, nodeId);
        _unreadable = new UnreadableLog(logger, cacheName);
        _overload = new OverloadLog(logger, cacheName);
        _throwsUnreadable = options.UnreadableValues == UnreadableValues.Throw;
        _timer = time.CreateTimer(static s => ((NodeShell)s!).Post(Peer.Clock, Tick.Instance), this, Timeout.InfiniteTimeSpan,
            Timeout.InfiniteTimeSpan);
        _subscription = bus?.Subscribe(cacheName, notification => Post(Peer.Bus, notification));
        _coordinators = coordinators;
        _kept = coordinators is null ? null : new RecoveryRecords(Memory, Codec, coordinators);
        _attached = coordinators?.Attach(nodeId, message => Post(Peer.Coordinator, message));
    }

    public MemoryLayer Memory { get; }

    public ValueCodec Codec { get; }

    public GeneratorRuns Runs => _runs;

    /// <summary>The threads blocked in synchronous calls.</summary>
    public BlockedThreads Blocked { get; } = new();

    /// <summary>The agent's settings, for tests.</summary>
    internal AgentSettings Settings { get; }

    /// <summary>The number of messages posted and not served, for tests that must know when no work is left.</summary>
    public int Backlog => Volatile.Read(ref _posted);

    /// <summary>The number of store calls under way.</summary>
    public int StoreCalls => _storeCaller.UnderWay;

    /// <summary>The number of answers that are being deserialized on the thread pool; also for tests.</summary>
    public int AnswersUnderWay => Volatile.Read(ref _answers);

    /// <summary>
    /// Whether calls that wait for the loop while the node leaves were signalled and have not gone on yet; also for tests.
    /// </summary>
    public bool IsGoingOn => Volatile.Read(ref _isGoingOn) && !Volatile.Read(ref _hasEnded);

    /// <summary>Whether it is disposed: no call is accepted any more.</summary>
    public bool IsLeaving => Volatile.Read(ref _left) is not null;

    /// <summary>Whether the agent leaves, or is about to.</summary>
    internal bool IsEnding => _isLeaving;

    internal NodeAgent Agent => _agent;

    /// <summary>The agent's time, in ticks.</summary>
    internal long Now => _time.GetElapsedTime(_start).Ticks;

    /// <summary>Posts a message to the agent. Returns when it is queued or served.</summary>
    public void Post(Peer from, object message)
    {
        _mailbox.Enqueue((from, message));
        if (Interlocked.Increment(ref _posted) == 1)
            OwnContext.Run(s_drain, this);
    }

    /// <summary>
    /// Serves the mailbox until it is empty. Only one thread runs this at a time: the one that raised the count of posts from 0 to 1. The
    /// count returns to 0 only when this loop has seen all of it. A message may be served before its poster has counted it; that count then
    /// only makes the loop look once more.
    /// </summary>
    /// <param name="seen">
    /// The number of posts that this loop has seen. A local, because another thread may enter before this one has returned, once the count
    /// is 0.
    /// </param>
    private void Drain(int seen)
    {
        var served = 0;
        while (true)
        {
            var now = Now;
            var epoch = EpochOf(now);
            if (epoch != Memory.Epoch)
                Memory.EnterEpoch(epoch);

            var turn = 0;
            while (turn < MessagesPerTurn && _mailbox.TryDequeue(out var item))
            {
                turn++;
                Serve(item.From, item.Message, now);
            }

            SetTimer(now);
            served += turn;
            if (served >= MessagesPerTurn)
            {
                // All pool threads may be blocked in calls that wait for this loop.
                _handedOn = seen;
                if (Blocked.Any)
                    LoopThread.Queue(this);
                else
                    ThreadPool.UnsafeQueueUserWorkItem(static shell => shell.GoOn(), this, preferLocal: false);
                return;
            }

            // A store call is counted until its reply has been posted. So with none under way and nothing posted, no work is left.
            if (_hasLeft && StoreCalls == 0 && _mailbox.IsEmpty && !_idle.Task.IsCompleted)
            {
                Volatile.Write(ref _isGoingOn, true);
                _idle.TrySetResult();
            }

            seen = Interlocked.Add(ref _posted, -seen);
            if (seen == 0)
                return;
        }
    }

    /// <summary>Continues the loop that another thread has handed over.</summary>
    internal void GoOn() => Drain(_handedOn);

    private void Serve(Peer from, object message, long now)
    {
        try
        {
            // The timer has fired, perhaps a little early: it must be set again, even for the same time.
            if (message is Tick)
            {
                _timerAt = long.MaxValue;
                _failures.TellRest(now);
                _storeCaller.TellRest(now);
            }

            // The caller asked while the node was leaving. Nothing may begin any more, as no timer would end it.
            if (_hasLeft && CallerOf(message) is { } late)
            {
                late.Complete(new Answered(late, AnswerKind.Left), this);
                return;
            }

            if (message is GeneratorLearned learned)
                Memory.Find(learned.Key)?.UseGenerator(learned.Source);

            if (message is LinkEnded ended && !GoesOn(ended))
                return;

            // The key was admitted again before this message was served: there is no eviction to report.
            if (message is Evicted evicted && Memory.Find(evicted.Key) is not null)
                return;
            _agent.On(from, message, now, _outbox);
        }
        catch (Exception e)
        {
            // No exception is expected here. If there is one, the loop must go on and execute the outbox so far, or callers of this node
            // hang.
            LogLoopFailed(e, _cacheName, message.GetType().Name);
            if (CallerOf(message) is { } caller)
                caller.FailWith(e);
        }

        for (var i = 0; i < _outbox.Count; i++)
            DoOrFail(_outbox[i].To, _outbox[i].Message);
        _outbox.Clear();

        if (message is Leave)
        {
            _hasLeft = true;
            Memory.Clear();
        }
    }

    /// <summary>
    /// Executes one message of the outbox. If that throws, its caller gets the exception, and the next message is executed all the same.
    /// </summary>
    private void DoOrFail(Peer to, object message)
    {
        try
        {
            Do(to, message);
        }
        catch (Exception e)
        {
            LogLoopFailed(e, _cacheName, message.GetType().Name);
            if (message is RunGenerator run)
                Post(Peer.Generators, new GeneratorFinished(run.RunId, RunOutcome.Failed, null, GenerationFailure.From(e)));
            else if (message is StoreCall call)
                Post(Peer.Store, new StoreReplied(call, null, StoreFault.Failed, e));
        }
    }

    private void Do(Peer to, object message)
    {
        switch (message)
        {
            case StoreCall call:
                _storeCaller.Execute(call);
                break;
            case Adopt adopt:
                TakeIn(adopt);
                break;
            case Answered answered:
                AnswerAll(answered);
                break;
            case Drained:
                Volatile.Write(ref _isGoingOn, Volatile.Read(ref _draining) > 0);
                _drained.TrySetResult();
                break;
            case StoreHealthChanged health:
                _storeCaller.TellHealth(health.IsDown, _agent.PendingChanges);
                break;
            case GenerationFailedHere failed:
                _failures.Tell(failed, Now);
                break;
            case RunGenerator run:
                _runs.Start(run);
                break;
            case RunProbed probed:
                _runs.Pass(probed);
                break;
            case DeadlockFound found:
                FailDeadlocked((Call)found.Waiter, found.Path);
                break;
            case CancelGenerator cancel:
                _runs.Cancel(cancel);
                break;
            case CacheNotification notification:
                _bus.Publish(notification);
                break;
            case CoordinatorCall { Message: RecordsRecovered kept } call:
                _kept!.Send(call.Shard, kept);
                break;
            case CoordinatorCall call:
                _coordinators!.Send(call.Shard, call.Message);
                break;
            case Drop drop:
                Memory.Remove(drop.Key);
                break;
            case Retire retire:
                Memory.Find(retire.Key)?.UseGenerator(null);
                break;
            default:
                throw new InvalidOperationException($"Nobody takes {message.GetType().Name} to {to}.");
        }
    }

    private void SetTimer(long now)
    {
        if (_isLeaving)
            return;
        var at = _agent.NextDeadline;
        if (_agent.KeyCount > 0)
            at = Math.Min(at, (EpochOf(now) + 1) * s_epoch);
        if (at == _timerAt && at > now)
            return;
        _timerAt = at;
        if (at == long.MaxValue)
        {
            _timer.Change(Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
            return;
        }

        // Timers count whole milliseconds and round down, and a timer that fires too early would only be set again. None is set for more
        // than a day.
        var wait = Math.Clamp(at - now, 0, TimeSpan.TicksPerDay);
        wait = (wait + TimeSpan.TicksPerMillisecond - 1) / TimeSpan.TicksPerMillisecond * TimeSpan.TicksPerMillisecond;
        _timer.Change(TimeSpan.FromTicks(wait), Timeout.InfiniteTimeSpan);
    }

    [LoggerMessage(1, LogLevel.Error, "Cache {CacheName}: serving a {Message} failed; this is a bug of the cache.")]
    private partial void LogLoopFailed(Exception exception, string cacheName, string message);
}
