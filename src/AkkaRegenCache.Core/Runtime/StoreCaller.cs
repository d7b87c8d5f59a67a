using AkkaRegenCache.Notifications;
using AkkaRegenCache.Protocol;
using AkkaRegenCache.Storage;
using Microsoft.Extensions.Logging;

namespace AkkaRegenCache.Runtime;

/// <summary>Calls the external store for the agent, posts its answers, and logs its failures. Thread-safe.</summary>
internal sealed partial class StoreCaller(IExternalStore store, NodeShell shell, string cacheName, TimeProvider time, ILogger logger)
{
    private readonly IExternalStore _store = ForeignStore.Around(store);
    private readonly StoreFailureLog _storeFailures = new(logger, cacheName);
    private int _storeCalls;

    /// <summary>The number of store calls under way.</summary>
    public int UnderWay => Volatile.Read(ref _storeCalls);

    /// <inheritdoc cref="IExternalStore.AnnouncesOn"/>
    public bool AnnouncesOn(INotificationBus bus) => _store.AnnouncesOn(bus);

    /// <summary>Reads a key that no caller uses.</summary>
    public Task WarmUpAsync(CancellationToken cancellationToken) =>
        _store.ReadAsync(new ReadRequest { Key = "warm-up" }, cancellationToken).AsTask();

    /// <summary>The store is down from now on, or available again.</summary>
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

    /// <summary>Logs the number of failures that were not logged one by one.</summary>
    public void TellRest(long now) => _storeFailures.TellRest(now);

    /// <summary>The node leaves.</summary>
    public void TellEnd() => _storeFailures.TellEnd();

    /// <summary>The fault that an exception of the store means for the protocol.</summary>
    private static StoreFault FaultOf(Exception exception) => exception switch
    {
        TimeoutException or OperationCanceledException => StoreFault.TimedOut,
        StoreRefusedException or ArgumentException => StoreFault.Refused,
        _ => StoreFault.Failed,
    };

    public void Execute(StoreCall call)
    {
        ValueTask<StoreAnswer> task;

        // A store in memory answers at once, so there is nothing to cancel.
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

            // The call is given up, and its later outcome is ignored. Except for a claim: it must be released if it is granted late.
            if (e is TimeoutException && call is ClaimCall claim)
                _ = AwaitGrantAsync(claim, asked);
            if (e is TimeoutException && abandon is not null)
                await abandon.CancelAsync().ConfigureAwait(false);
        }

        shell.Post(Peer.Store, reply);
        if (Interlocked.Decrement(ref _storeCalls) == 0 && shell.IsEnding)
            shell.Post(Peer.Clock, Tick.Instance);
    }

    /// <summary>Waits for the answer to a claim that was given up, for as long as the claim would hold.</summary>
    private async Task AwaitGrantAsync(ClaimCall call, Task<StoreAnswer> asked)
    {
        try
        {
            if (await asked.WaitAsync(call.Request.Lease, time).ConfigureAwait(false)
                is ClaimAnswer { Outcome: ClaimOutcome.Granted } answer)
                shell.Post(Peer.Store, new LateGrant(call, answer));
        }
        catch (Exception)
        {
            // It failed, which was logged when it was given up; or its lease is over.
        }
    }

    private void LogStoreFailed(Exception exception, StoreCall call)
    {
        // While the breaker is open this is no news.
        if (shell.Agent.IsStoreDown)
            LogStoreStillFails(exception, cacheName, StoreCalling.NameOf(call), call.Request?.Key ?? "");
        else
            _storeFailures.Tell(exception, StoreCalling.NameOf(call), call.Request?.Key ?? "", shell.Now);
    }

    [LoggerMessage(4, LogLevel.Debug, "Cache {CacheName}: {Operation} of '{Key}' failed in the external store, which is down.")]
    private partial void LogStoreStillFails(Exception exception, string cacheName, string operation, string key);

    [LoggerMessage(5, LogLevel.Warning,
        "Cache {CacheName}: the external store is down. Values are served from memory and made on this node; sets and removals wait for "
        + "it.")]
    private partial void LogStoreDown(string cacheName);

    [LoggerMessage(6, LogLevel.Information,
        "Cache {CacheName}: the external store is back; {PendingChanges} sets and removals go there now.")]
    private partial void LogStoreBack(string cacheName, int pendingChanges);
}
