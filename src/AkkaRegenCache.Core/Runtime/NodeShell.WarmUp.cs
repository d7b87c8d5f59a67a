namespace AkkaRegenCache.Runtime;

/// <content>The first call of the external store.</content>
internal sealed partial class NodeShell
{
    /// <summary>
    /// Calls the external store for the first time and waits for its answer, so that the connection is open and its code is compiled before
    /// the first reader comes.
    /// </summary>
    /// <returns>The error that kept the store from answering in time; null: none, or no call was needed.</returns>
    public async Task<Exception?> WarmUpAsync(CancellationToken cancellationToken)
    {
        if (_warmUpTimeout == TimeSpan.Zero)
            return null;
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        try
        {
            var answer = _storeCaller.WarmUpAsync(patience.Token);
            await answer.WaitAsync(_warmUpTimeout, _time, cancellationToken).ConfigureAwait(false);
            return null;
        }
        catch (Exception e)
        {
            await patience.CancelAsync().ConfigureAwait(false);
            cancellationToken.ThrowIfCancellationRequested();
            return e;
        }
    }
}
