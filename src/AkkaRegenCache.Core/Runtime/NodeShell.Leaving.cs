using AkkaRegenCache.Protocol;
using Microsoft.Extensions.Logging;

namespace AkkaRegenCache.Runtime;

/// <content>How a node leaves, and how it goes on after the cluster has ended for it.</content>
internal sealed partial class NodeShell
{
    /// <summary>Releases claims, ends all waits and frees everything. All calls return when that is done.</summary>
    public ValueTask DisposeAsync()
    {
        var left = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        return Interlocked.CompareExchange(ref _left, left, null) is { } begun
            ? new ValueTask(begun.Task)
            : new ValueTask(LeaveAsync(left));
    }

    private async Task LeaveAsync(TaskCompletionSource left)
    {
        try
        {
            await LeaveAsync().ConfigureAwait(false);
        }
        finally
        {
            left.SetResult();
        }
    }

    private async Task LeaveAsync()
    {
        await DrainOrHandOverAsync().ConfigureAwait(false);
        _isLeaving = true;
        _subscription?.Dispose();
        _attached?.Dispose();
        Post(Peer.Clock, Leave.Instance);
        await _timer.DisposeAsync().ConfigureAwait(false);
        try
        {
            // Releases and pending changes are under way, so that other nodes need not wait for leases to end.
            var idle = _idle.Task.WaitAsync(_storeTimeout, _time);
            Volatile.Write(ref _isGoingOn, false);
            await idle.ConfigureAwait(false);
        }
        catch (TimeoutException)
        {
            // Bounded: leaving must end.
        }

        _storeCaller.TellEnd();
        if (_agent.PendingChanges is > 0 and var lost)
            LogChangesLost(_cacheName, lost);

        // If the loop becomes idle only now, no call waits for it any more.
        Volatile.Write(ref _hasEnded, true);
    }

    /// <summary>Begins no more work, and waits for the running work for as long as a leaving node may. May be called again.</summary>
    public async Task DrainAsync()
    {
        await DrainOrHandOverAsync().ConfigureAwait(false);
        Volatile.Write(ref _isGoingOn, false);
    }

    private async Task DrainOrHandOverAsync()
    {
        var drained = _drained.Task;
        if (_leaveTimeout == TimeSpan.Zero || drained.IsCompleted)
            return;
        Post(Peer.Clock, Protocol.Drain.Instance);
        if (drained.IsCompleted)
            return;
        Interlocked.Increment(ref _draining);
        try
        {
            await drained.WaitAsync(_leaveTimeout, _time).ConfigureAwait(false);
        }
        catch (TimeoutException)
        {
            // The rest is left to other nodes.
        }
        finally
        {
            Interlocked.Decrement(ref _draining);
        }
    }

    /// <summary>
    /// The cluster has ended for this node. A disposed cache does not go on. Any other one does, and can be drained again.
    /// </summary>
    private bool GoesOn(LinkEnded ended)
    {
        if (IsLeaving)
            return false;
        _drained.TrySetResult();
        _drained = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        if (_goesOn)
            return true;
        _goesOn = true;
        if (ended.HasStore)
            LogGoesOnWithStore(_cacheName, ended.Why);
        else
            LogGoesOnAlone(_cacheName, ended.Why);
        return true;
    }

    [LoggerMessage(14, LogLevel.Warning,
        "Cache {CacheName}: {Why}. It goes on without the cluster, on its external store: other nodes hear of its changes, and it of "
        + "theirs, through the store "
        + "alone, or where that carries no notifications when a value is due or compared, within a minute. Restart this process to join "
        + "the cluster again.")]
    private partial void LogGoesOnWithStore(string cacheName, string why);

    [LoggerMessage(15, LogLevel.Warning,
        "Cache {CacheName}: {Why}. It goes on as a cache of this process alone: values are made and kept here, and sets and removals "
        + "reach no other node. "
        + "Restart this process to join the cluster again.")]
    private partial void LogGoesOnAlone(string cacheName, string why);

    [LoggerMessage(9, LogLevel.Warning,
        "Cache {CacheName} was disposed with {PendingChanges} sets and removals that the external store has not taken. They are lost.")]
    private partial void LogChangesLost(string cacheName, int pendingChanges);
}
