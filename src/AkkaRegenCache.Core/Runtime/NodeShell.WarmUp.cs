namespace AkkaRegenCache.Runtime;

/// <content>The first question to the external store.</content>
internal sealed partial class NodeShell
{
    /// <summary>
    /// Asks the external store for the first time, and waits for its answer: then the connection stands, and what its use needs is compiled, before the
    /// first reader comes.
    /// </summary>
    /// <returns>What kept it from answering in time; null: nothing, or it need not.</returns>
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
