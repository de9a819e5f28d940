// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @title Data assets
/// @notice Data sets that the data exchange has certified: who keeps them, their versions, the licences that bring income,
/// and the covenant of a loan on that income. The data themselves are never here, nor is access to them: content, papers and
/// terms are salted commitments. A lender enforces by taking the licence income through `Pledges`, never by taking the data.
/// @dev Assumption: numbers of certificates and licences are entered as they are printed; "A-1" and "a-1" are two numbers.
interface IDataAssets {
    /// @notice Where an asset stands towards the covenant of its live pledge. `None`: no live pledge, or no covenant agreed.
    /// `Fresh`: neither of what follows. `Stale`: no version came in time. `Shortfall`: the debt is above what may be lent on
    /// the asset, stale or not.
    enum Standing {
        None,
        Fresh,
        Stale,
        Shortfall
    }

    /// @param steward Who keeps the data and earns the licence income.
    /// @param registeredAt When it was registered, UTC seconds.
    /// @param leg Leg of `agreement` that pays the steward.
    /// @param agreement Agreement through which licence income arrives.
    /// @param papers Salted commitment to the certificate's papers.
    struct Asset {
        address steward;
        uint64 registeredAt;
        uint8 leg;
        bytes32 agreement;
        bytes32 papers;
    }

    /// @param content Salted commitment to the content.
    /// @param round Final oracle round that measured its quality; zero for none.
    /// @param records Number of records.
    /// @param periodStart First second that the data cover, UTC.
    /// @param periodEnd First second that they do not cover any more, UTC.
    /// @param createdAt When it was made, UTC seconds.
    struct Version {
        bytes32 content;
        bytes32 round;
        uint64 records;
        uint64 periodStart;
        uint64 periodEnd;
        uint64 createdAt;
    }

    /// @param licensee Who may use the data.
    /// @param from First second of the licence, UTC: it is a contract outside, which no pause moves.
    /// @param to First second after it.
    /// @param fee Fen agreed for it; zero is a free licence.
    /// @param terms Salted commitment to the contract.
    /// @param purpose What the data may be used for, as short text.
    struct Licence {
        address licensee;
        uint64 from;
        uint64 to;
        uint128 fee;
        bytes32 terms;
        bytes32 purpose;
    }

    /// @notice A licence and where it stands.
    /// @param certificate The asset that it is for.
    /// @param isEnded Whether it was ended; a licence whose time is over need not be.
    /// @param licence What was granted.
    struct Grant {
        bytes32 certificate;
        bool isEnded;
        Licence licence;
    }

    /// @notice What steward and lender of a pledge agree on beside its terms.
    /// @param freshnessPeriod Running seconds that a version stays fresh after it was made.
    /// @param staleBps What a stale or outdated figure still counts for, in basis points of the value.
    /// @param maximumLtvBps The largest debt, in basis points of the value.
    /// @param valuationFeed Oracle feed that says what the asset (the subject is its certificate) is worth, in fen.
    /// @param qualityFeed Only versions measured by this feed count as fresh; zero when every version does.
    struct Covenant {
        uint32 freshnessPeriod;
        uint16 staleBps;
        uint16 maximumLtvBps;
        bytes32 valuationFeed;
        bytes32 qualityFeed;
    }

    /// @param value What may be lent on: the figure less twice its uncertainty, or what the oracle bounds it by, in fen.
    /// @param previous The value before it, or before the disputed one, in fen; while disputed the lower of the two counts.
    /// @param validUntil Until when the figure is no longer fresh, in running time.
    /// @param disputedUntil When the last dispute ends, in running time; zero when there was none.
    /// @param number Count of the pledge's appraisals.
    /// @param disputed Number of the appraisal that was disputed last.
    /// @param result The oracle's result that it comes from.
    struct Appraisal {
        uint128 value;
        uint128 previous;
        uint64 validUntil;
        uint64 disputedUntil;
        uint32 number;
        uint32 disputed;
        bytes32 result;
    }

    /// @param standing The worst of what holds.
    /// @param reasons Bits: 1 stale, 2 shortfall, 4 never appraised, 8 appraisal out of date, 16 appraisal disputed.
    /// @param pledge The live pledge; zero when there is none.
    /// @param value What the asset counts for now, in fen.
    /// @param debt What is owed under the pledge, in fen.
    /// @param freshUntil Last second of running time at which the newest version is fresh; zero when there is none.
    struct Status {
        Standing standing;
        uint8 reasons;
        bytes32 pledge;
        uint256 value;
        uint256 debt;
        uint256 freshUntil;
    }

    /* EVENTS */

    /// @notice Emitted when the certificate `certificate` was registered for `steward`.
    event DataAssetRegistered(
        bytes32 indexed certificate,
        address indexed steward,
        bytes32 papers,
        bytes32 indexed agreement,
        uint8 leg,
        address by
    );
    /// @notice Emitted for each new version; it counts as made at `freshAsOf` of running time, which never falls.
    event VersionAppended(
        bytes32 indexed certificate, uint256 indexed number, Version version, uint64 freshAsOf, address indexed by
    );
    /// @notice Emitted when the steward grants a licence. `licence` is its number, and the reference of its payment.
    event LicenceGranted(bytes32 indexed certificate, bytes32 indexed licence, Licence terms, address indexed by);
    /// @notice Emitted when a licence is over: its steward says so at its end, or its licensee gave it up.
    event LicenceEnded(bytes32 indexed certificate, bytes32 indexed licence, address indexed by);
    /// @notice Emitted when the steward offers the asset to `to` instead of `old`; the zero address withdraws the offer.
    event StewardshipOffered(bytes32 indexed certificate, address indexed old, address indexed to, address by);
    /// @notice Emitted when the asset has a new steward.
    event StewardshipChanged(bytes32 indexed certificate, address indexed from, address indexed to);
    /// @notice Emitted when licence income arrives through another leg from now on.
    event IncomeRepointed(
        bytes32 indexed certificate,
        bytes32 oldAgreement,
        uint8 oldLeg,
        bytes32 agreement,
        uint8 leg,
        address indexed by
    );
    /// @notice Emitted when one party to `pledge` consents to `covenant`; it waits for the other.
    event CovenantProposed(bytes32 indexed certificate, bytes32 indexed pledge, Covenant covenant, address indexed by);
    /// @notice Emitted when both have consented: `covenant` holds instead of `old`.
    event CovenantAgreed(
        bytes32 indexed certificate, bytes32 indexed pledge, Covenant old, Covenant covenant, address indexed by
    );
    /// @notice Emitted when a figure of the oracle is recorded: `value` with half-width `uncertainty`, of which `lendable`
    /// (`IMonitoringOracle.lendingValue`) counts instead of `previous`, fresh until `validUntil` of running time.
    event Appraised(
        bytes32 indexed certificate,
        bytes32 indexed pledge,
        bytes32 indexed result,
        int128 value,
        uint128 uncertainty,
        uint128 previous,
        uint128 lendable,
        uint64 validUntil,
        address by
    );
    /// @notice Emitted when the lender disputes appraisal `number`, until `disputedUntil` of running time at most.
    event AppraisalDisputed(
        bytes32 indexed certificate,
        bytes32 indexed pledge,
        uint32 number,
        uint64 disputedUntil,
        bytes32 reason,
        address indexed by
    );
    /// @notice Emitted when the lender ends its dispute before its time.
    event AppraisalDisputeEnded(bytes32 indexed certificate, bytes32 indexed pledge, uint32 number, address indexed by);
    /// @notice Emitted when somebody shows that no version came by `freshUntil` of running time.
    event MarkedStale(bytes32 indexed certificate, bytes32 indexed pledge, uint256 freshUntil, address indexed by);
    /// @notice Emitted when version `number` ends what was marked stale.
    event FreshAgain(bytes32 indexed certificate, bytes32 indexed pledge, uint256 number, address indexed by);

    /* ERRORS */

    /// @notice Thrown when a registration lacks its number, papers or agreement.
    error RegistrationIncomplete(bytes32 certificate, bytes32 papers, bytes32 agreement);
    /// @notice Thrown when the certificate is registered already.
    error CertificateTaken(bytes32 certificate, address steward);
    /// @notice Thrown when no data asset is registered under `certificate`.
    error UnknownCertificate(bytes32 certificate);
    /// @notice Thrown when `account`, a steward or licensee, is no admitted participant or is blocked.
    error NotAdmitted(address account);
    /// @notice Thrown when the caller is not the steward of the asset.
    error NotSteward(bytes32 certificate, address caller);
    /// @notice Thrown when a version has no content or no records, or covers a period that is empty or was not over yet.
    error VersionMalformed(bytes32 certificate, Version version);
    /// @notice Thrown when a version is said to be made at `createdAt`, after now, `timestamp`, both in UTC seconds.
    error CreatedInFuture(uint64 createdAt, uint256 timestamp);
    /// @notice Thrown when a version was made no later than the one before it (`previous`), both in UTC seconds.
    error VersionNotNewer(uint64 createdAt, uint64 previous);
    /// @notice Thrown when the content is that of an earlier version: it is no new version.
    error ContentRepeated(bytes32 certificate, bytes32 content);
    /// @notice Thrown when the round that should measure a version's quality measured something else.
    error RoundOfOtherSubject(bytes32 feed, bytes32 subject);
    /// @notice Thrown when the round measured an earlier version already.
    error RoundUsed(bytes32 round);
    /// @notice Thrown when what the round measured was observed before the version was made, both in UTC seconds.
    error MeasuredBeforeMade(bytes32 round, uint64 observedAt, uint64 createdAt);
    /// @notice Thrown when the asset has no version `number`, counted from 1.
    error UnknownVersion(bytes32 certificate, uint256 number);
    /// @notice Thrown when a licence lacks its number, terms or purpose.
    error LicenceIncomplete(bytes32 licence, bytes32 terms, bytes32 purpose);
    /// @notice Thrown when the number `licence` is on record already, for the asset `certificate`.
    error LicenceTaken(bytes32 licence, bytes32 certificate);
    /// @notice Thrown when a licence ends before it has begun, or is over already at `timestamp`, in UTC seconds.
    error LicencePeriod(uint64 from, uint64 to, uint256 timestamp);
    /// @notice Thrown when no licence has the number `licence`.
    error UnknownLicence(bytes32 licence);
    /// @notice Thrown when `licence` was ended before.
    error LicenceEndedAlready(bytes32 licence);
    /// @notice Thrown when the steward would end a licence before its time, `to`, in UTC seconds.
    error LicenceRuns(bytes32 licence, uint64 to);
    /// @notice Thrown when the caller is neither the steward nor the licensee of `licence`.
    error NotPartyToLicence(bytes32 licence, address caller);
    /// @notice Thrown when what is asked must wait until the pledge is no longer live.
    error AssetPledged(bytes32 certificate, bytes32 pledge);
    /// @notice Thrown when the asset is not offered to the caller.
    error NotOffered(bytes32 certificate, address caller);
    /// @notice Thrown when the asset has no live pledge.
    error NotPledged(bytes32 certificate);
    /// @notice Thrown when the caller is not the lender of the live pledge; covenants are its steward's to agree on too.
    error NotPartyToPledge(bytes32 pledge, address caller);
    /// @notice Thrown when a covenant has no period, shares above the whole, or feeds that nobody set up.
    error CovenantMalformed(bytes32 certificate, Covenant covenant);
    /// @notice Thrown when the parties to `pledge`, which is live, have agreed on no covenant.
    error CovenantMissing(bytes32 certificate, bytes32 pledge);
    /// @notice Thrown when the newest figure of the oracle is recorded already, and as much may be lent on it as before.
    error AppraisedAlready(bytes32 certificate, bytes32 result);
    /// @notice Thrown when the value would rise from `value` to `raised` fen during a dispute, which ends at
    /// `disputedUntil` of running time.
    error RiseFrozen(bytes32 certificate, uint256 value, uint256 raised, uint64 disputedUntil);
    /// @notice Thrown when an appraisal would be disputed without a reason.
    error DisputeReasonMissing(bytes32 certificate);
    /// @notice Thrown when nothing was appraised yet under the live pledge.
    error NothingToDispute(bytes32 certificate);
    /// @notice Thrown when the appraisal was disputed once: each can be once.
    error DisputedAlready(bytes32 certificate, uint32 number);
    /// @notice Thrown when no dispute over the appraisal goes on.
    error NotDisputed(bytes32 certificate);
    /// @notice Thrown when the newest version is fresh until `freshUntil`, and now is `runningTime`, both in running time.
    error StillFresh(bytes32 certificate, uint256 freshUntil, uint64 runningTime);
    /// @notice Thrown when it is on record already that the asset is stale under `pledge`.
    error MarkedAlready(bytes32 certificate, bytes32 pledge);

    /* REGISTER */

    /// @notice Registers a certificate that the data exchange has issued. For the operator. Each number is good once.
    /// @param steward An admitted participant.
    function register(bytes32 certificate, address steward, bytes32 papers, bytes32 agreement, uint8 leg) external;

    /// @notice Appends a version. For the steward, also while paused or blocked: it protects the lender.
    /// @return number Its number, counted from 1.
    function append(bytes32 certificate, Version calldata version) external returns (uint256 number);

    /// @notice Records a licence under the number `licence`, good once among all assets. For the steward.
    function grantLicence(bytes32 certificate, bytes32 licence, Licence calldata terms) external;

    /// @notice Ends a licence. For the steward once its time is over; for the licensee at any time.
    function endLicence(bytes32 licence) external;

    /// @notice Offers the asset to `to`, an admitted participant; the zero address withdraws the offer. For the steward,
    /// while no pledge is live.
    function offerStewardship(bytes32 certificate, address to) external;

    /// @notice Takes over the asset. For whom it was offered to, while no pledge is live.
    function acceptStewardship(bytes32 certificate) external;

    /// @notice Lets licence income arrive through another leg. For the steward, while no pledge is live.
    function repoint(bytes32 certificate, bytes32 agreement, uint8 leg) external;

    /* COVENANT */

    /// @notice Consents to a covenant of the live pledge. For its steward and its lender; it holds when both have consented to
    /// the same. A newer consent replaces the same party's older one; it is void once another covenant holds or the lender is
    /// another.
    function agreeCovenant(bytes32 certificate, Covenant calldata covenant) external;

    /// @notice Records what may be lent on the newest fresh figure of the covenant's feed, and again when a newer candidate or
    /// the panel makes it less or more. Anyone may call. During a pause, or a dispute of the figure or of the pledge, the value
    /// can only fall.
    function appraise(bytes32 certificate) external;

    /// @notice Disputes the last appraisal for at most 30 running days: until then the lower of it and the one before counts,
    /// and the value does not rise. For the lender, once per appraisal.
    /// @param reason Hash of a document; not empty.
    function dispute(bytes32 certificate, bytes32 reason) external;

    /// @notice Ends the dispute. For the lender.
    function endDispute(bytes32 certificate) external;

    /// @notice Puts on record that the newest version is older than the covenant allows. Anyone may call, once until a version
    /// cures it. What the asset counts for does not wait for it.
    function markStale(bytes32 certificate) external;

    /* VIEWS */

    /// @return The registration of `certificate`; all zero when there is none.
    function assetOf(bytes32 certificate) external view returns (Asset memory);

    /// @notice What `Pledges` asks before a pledge of the asset is committed; reverts for an unknown certificate.
    /// @return steward Whose income can be pledged.
    /// @return agreement Agreement that the income comes from.
    /// @return leg Leg of it.
    function licenceOf(bytes32 certificate) external view returns (address steward, bytes32 agreement, uint8 leg);

    /// @return Whom the asset is offered to; zero when nobody.
    function offeredTo(bytes32 certificate) external view returns (address);

    /// @return Number of versions of `certificate`; they are counted from 1.
    function versionCount(bytes32 certificate) external view returns (uint256);

    /// @return Version `number`; reverts when there is none.
    function versionOf(bytes32 certificate, uint256 number) external view returns (Version memory);

    /// @return The licence with this number; all zero when there is none.
    function grantOf(bytes32 licence) external view returns (Grant memory);

    /// @return Whether `account` may use the data of `licence` now.
    function isLicensed(bytes32 licence, address account) external view returns (bool);

    /// @return The covenant agreed for `pledge`; all zero when there is none.
    function agreedCovenantOf(bytes32 pledge) external view returns (Covenant memory);

    /// @return The last appraisal under `pledge`; all zero when there is none.
    function appraisalOf(bytes32 pledge) external view returns (Appraisal memory);

    /// @return The pledge whose staleness is on record; zero when none is.
    function markedStale(bytes32 certificate) external view returns (bytes32);

    /// @return How the asset stands towards the covenant of its live pledge, now.
    function covenantOf(bytes32 certificate) external view returns (Status memory);
}
