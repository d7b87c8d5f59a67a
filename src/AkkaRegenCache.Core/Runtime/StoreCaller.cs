using AkkaRegenCache.Notifications;
using AkkaRegenCache.Protocol;
using AkkaRegenCache.Storage;
using Microsoft.Extensions.Logging;

namespace AkkaRegenCache.Runtime;

/// <summary>Calls the external store as the agent says, posts its answers, and tells of its failures. Thread-safe.</summary>
internal sealed partial class StoreCaller(IExternalStore store, NodeShell shell, string cacheName, TimeProvider time, ILogger logger)
{
    private readonly IExternalStore _store = ForeignStore.Around(store);
    private readonly StoreFailureLog _storeFailures = new(logger, cacheName);
    private int _storeCalls;

    /// <summary>Calls of the store that are under way.</summary>
    public int UnderWay => Volatile.Read(ref _storeCalls);

    /// <inheritdoc cref="IExternalStore.AnnouncesOn"/>
    public bool AnnouncesOn(INotificationBus bus) => _store.AnnouncesOn(bus);

    /// <summary>Asks the store for a key that nobody uses.</summary>
    public Task WarmUpAsync(CancellationToken cancellationToken) => _store.ReadAsync(new ReadRequest { Key = "warm-up" }, cancellationToken).AsTask();

    /// <summary>The store counts as down from now on, or no longer.</summary>
    public void TellHealth(bool isDown, int pendingChanges)
    {
        if (isDown)
        {
            LogStoreDown(cacheName);
            return;
        }

        _storeFailures.TellEnd();
        LogStoreBack(cacheName, pendingChanges);
    }

    /// <summary>Failures that were counted and not told one by one.</summary>
    public void TellRest(long now) => _storeFailures.TellRest(now);

    /// <summary>The node ends.</summary>
    public void TellEnd() => _storeFailures.TellEnd();

    /// <summary>What an error of the store means for the protocol.</summary>
    private static StoreFault FaultOf(Exception exception) => exception switch
    {
        TimeoutException or OperationCanceledException => StoreFault.TimedOut,
        StoreRefusedException or ArgumentException => StoreFault.Refused,
        _ => StoreFault.Failed,
    };

    public void Execute(StoreCall call)
    {
        ValueTask<StoreAnswer> task;

        // A store in memory answers at once: nothing to abandon.
        var abandon = _store is InMemoryStore ? null : new CancellationTokenSource();
        try
        {
            task = StoreCalling.Invoke(_store, call, abandon?.Token ?? default);
        }
        catch (Exception e)
        {
            LogStoreFailed(e, call);
            shell.Post(Peer.Store, new StoreReplied(call, null, FaultOf(e), e));
            return;
        }

        if (task.IsCompletedSuccessfully)
            shell.Post(Peer.Store, new StoreReplied(call, task.Result));
        else
            _ = AwaitStoreAsync(call, task, abandon);
    }

    private async Task AwaitStoreAsync(StoreCall call, ValueTask<StoreAnswer> task, CancellationTokenSource? abandon)
    {
        Interlocked.Increment(ref _storeCalls);
        StoreReplied reply;
        var asked = task.AsTask();
        try
        {
            reply = new StoreReplied(call, await asked.WaitAsync(TimeSpan.FromTicks(call.Timeout), time).ConfigureAwait(false));
        }
        catch (Exception e)
        {
            LogStoreFailed(e, call);
            reply = new StoreReplied(call, null, FaultOf(e), e);

            // Given up: what it goes on to do is in nobody's way any more. But a claim must be given back if it is granted all the same.
            if (e is TimeoutException && call is ClaimCall claim)
                _ = AwaitGrantAsync(claim, asked);
            if (e is TimeoutException && abandon is not null)
                await abandon.CancelAsync().ConfigureAwait(false);
        }

        shell.Post(Peer.Store, reply);
        if (Interlocked.Decrement(ref _storeCalls) == 0 && shell.IsEnding)
            shell.Post(Peer.Clock, Tick.Instance);
    }

    /// <summary>Waits for the answer to a claim that was given up, for as long as it would hold.</summary>
    private async Task AwaitGrantAsync(ClaimCall call, Task<StoreAnswer> asked)
    {
        try
        {
            if (await asked.WaitAsync(call.Request.Lease, time).ConfigureAwait(false) is ClaimAnswer { Outcome: ClaimOutcome.Granted } answer)
                shell.Post(Peer.Store, new LateGrant(call, answer));
        }
        catch (Exception)
        {
            // It failed, which was told when it was given up; or its lease is over.
        }
    }

    private void LogStoreFailed(Exception exception, StoreCall call)
    {
        // While the store counts as down this is no news.
        if (shell.Agent.IsStoreDown)
            LogStoreStillFails(exception, cacheName, StoreCalling.NameOf(call), call.Request?.Key ?? "");
        else
            _storeFailures.Tell(exception, StoreCalling.NameOf(call), call.Request?.Key ?? "", shell.Now);
    }

    [LoggerMessage(4, LogLevel.Debug, "Cache {CacheName}: {Operation} of '{Key}' failed in the external store, which is down.")]
    private partial void LogStoreStillFails(Exception exception, string cacheName, string operation, string key);

    [LoggerMessage(5, LogLevel.Warning,
        "Cache {CacheName}: the external store is down. Values are served from memory and made on this node; sets and removals wait for it.")]
    private partial void LogStoreDown(string cacheName);

    [LoggerMessage(6, LogLevel.Information, "Cache {CacheName}: the external store is back; {PendingChanges} sets and removals go there now.")]
    private partial void LogStoreBack(string cacheName, int pendingChanges);
}
